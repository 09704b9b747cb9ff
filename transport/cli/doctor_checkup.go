package cli

import (
	"os"
	"path/filepath"
	"runtime"

	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/transport/internal/config"
	"github.com/chainwright/chainwright/transport/internal/http"
	"github.com/chainwright/chainwright/transport/internal/stdio"
)

// checkup is what doctor finds. doctor --json prints it; a part that could not be
// looked at is missing.
type checkup struct {
	Healthy  bool      `json:"healthy"`
	Problems []problem `json:"problems"`

	Version string `json:"version"`
	Go      string `json:"go"`
	OS      string `json:"os"`
	Arch    string `json:"arch"`

	Configuration *configuration   `json:"configuration,omitempty"`
	Policy        []policy.Setting `json:"policy,omitempty"`
	Tokens        []shownToken     `json:"tokens,omitempty"`
	OAuth         *oauthState      `json:"oauth,omitempty"`
	Limits        *sharedLimits    `json:"limits,omitempty"`
	Databases     []string         `json:"databases,omitempty"`
	// Postgres says that one of the databases is PostgreSQL.
	Postgres  bool            `json:"-"`
	Trusted   []string        `json:"out_of_reach,omitempty"`
	Executors *executorStates `json:"executors,omitempty"`
	Model     string          `json:"model,omitempty"`
	Own       *ownExecutors   `json:"own_executors,omitempty"`
	Store     *storeState     `json:"store,omitempty"`
	Engine    *engineState    `json:"engine,omitempty"`
	Schedules *scheduleStates `json:"schedules,omitempty"`
	Telemetry *measuring      `json:"telemetry,omitempty"`
	Published *publishedTools `json:"published,omitempty"`
	Clients   *clientSetup    `json:"clients,omitempty"`
}

// configuration is where the settings come from.
type configuration struct {
	File     string `json:"file,omitempty"`
	Approved bool   `json:"approved,omitempty"` // found in the working folder
	// Restricts is a file that was found and is not approved.
	Restricts   string         `json:"restricts,omitempty"`
	Ignored     []ignoredKey   `json:"ignored,omitempty"`
	DataDir     string         `json:"data_dir"`
	Settings    []config.Entry `json:"settings"`
	NowApproved string         `json:"now_approved,omitempty"` // by --approve
}

type ignoredKey struct {
	Where string `json:"where"`
	Key   string `json:"key"`
}

type shownToken struct {
	Name      string   `json:"name"`
	Principal string   `json:"principal"`
	Scopes    []string `json:"scopes,omitempty"` // none: everything
}

// sharedLimits are the limits that callers share.
type sharedLimits struct {
	HTTP  string     `json:"http"`
	Stdio string     `json:"stdio"`
	Audit *keptAudit `json:"kept_audit_trail,omitempty"` // nil: off
}

type keptAudit struct {
	UsedBytes  int64 `json:"used_bytes"`
	MostBytes  int64 `json:"most_bytes"`
	RetainDays int64 `json:"retain_days"`
}

type executorStates struct {
	Open   []string `json:"open"`
	Closed []string `json:"closed"`
}

type ownExecutors struct {
	Folder string `json:"folder"`
	Count  int    `json:"count"`
}

type publishedTools struct {
	Tools  int `json:"tools"`
	Tokens int `json:"tokens"`
}

type scheduleStates struct {
	Enabled    int  `json:"enabled"`
	Paused     int  `json:"paused"`
	NotEnabled int  `json:"not_enabled"`
	Fired      bool `json:"fired"` // by a running process
}

type clientSetup struct {
	Command string       `json:"command"`
	Files   []clientFile `json:"files"`
}

type clientFile struct {
	Client string `json:"client"`
	Path   string `json:"path"`
	Exists bool   `json:"exists"`
}

func newCheckup() *checkup {
	return &checkup{Problems: []problem{}, Version: version(), Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH}
}

func configurationOf(cfg *config.Loaded) *configuration {
	c := &configuration{File: cfg.File, Approved: cfg.Approved, DataDir: cfg.DataDir, Settings: cfg.Entries()}
	if cfg.Found != "" && cfg.Found != cfg.File {
		c.Restricts = cfg.Found
		for _, each := range cfg.Ignored {
			c.Ignored = append(c.Ignored, ignoredKey{Where: each.Where, Key: each.Message})
		}
	}
	return c
}

// policy adds what is known without asking anything outside of this process.
func (f *checkup) policy(p *program) {
	pol := p.registry.Policy()
	f.Policy = pol.Describe()
	for _, each := range tokens(p.config) {
		f.Tokens = append(f.Tokens, shownToken{Name: each.Name, Principal: each.Principal, Scopes: each.Scopes})
	}
	f.Limits = &sharedLimits{HTTP: http.Budget(), Stdio: stdio.Budget()}
	if trail, on := pol.AuditKept(); on {
		f.Limits.Audit = &keptAudit{UsedBytes: trail.Used, MostBytes: trail.Most, RetainDays: int64(trail.Retain.Hours() / 24)}
		if trail.Full {
			f.add("limits", "the kept audit trail has room for one more file, then calls that change something are refused: move the files audit.kept.jsonl.* out of the folder of policy.audit.path")
		}
	}
	f.Databases, f.Postgres = pol.Connections("postgres", "mysql"), len(pol.Connections("postgres")) > 0
	for _, each := range pol.Trusted() {
		f.Trusted = append(f.Trusted, each.Setting)
	}
}

// configured adds the problems of settings.
func (f *checkup) configured(p *program) {
	for _, missing := range p.config.Missing() {
		f.Problems = append(f.Problems, problem{Part: partConfiguration, Where: missing.Where, Message: missing.Message})
	}
	if p.config.Policy.Command.Shell {
		f.add("policy", "policy.command.shell lets callers run anything on this machine")
	}
}

func (f *checkup) add(part, message string) {
	f.Problems = append(f.Problems, problem{Part: part, Message: message})
}

// clients returns where MCP clients keep their configuration.
func clients() *clientSetup {
	self, err := os.Executable()
	if err != nil {
		self = "chainwright"
	}
	setup := &clientSetup{Command: self + " stdio", Files: []clientFile{}}
	home, err := os.UserHomeDir()
	if err != nil {
		return setup
	}
	desktop := filepath.Join(home, ".config", "Claude", "claude_desktop_config.json")
	switch runtime.GOOS {
	case "darwin":
		desktop = filepath.Join(home, "Library", "Application Support", "Claude", "claude_desktop_config.json")
	case "windows":
		desktop = filepath.Join(os.Getenv("APPDATA"), "Claude", "claude_desktop_config.json")
	}
	for _, file := range []clientFile{
		{Client: "Claude Desktop", Path: desktop},
		{Client: "Claude Code", Path: filepath.Join(home, ".claude.json")},
		{Client: "Cursor", Path: filepath.Join(home, ".cursor", "mcp.json")},
	} {
		_, err := os.Stat(file.Path)
		file.Exists = err == nil
		setup.Files = append(setup.Files, file)
	}
	return setup
}
