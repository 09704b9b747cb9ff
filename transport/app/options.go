package app

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/builtin"
	"github.com/chainwright/chainwright/executors/llm"
	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/tools"
	"github.com/chainwright/chainwright/transport/internal/config"
)

// Option configures the server that New returns.
type Option func(*options)

type options struct {
	executors    []executors.Executor
	bare         bool // without the built-in executors
	policy       policy.Config
	models       llm.Settings
	dataDir      string
	store        string
	engine       string
	keep         time.Duration
	maxBytes     int64
	trees        string
	hideNames    bool
	executorsDir string
	onDemand     bool
	selection    Selection
	http         HTTP
	loginLink    func(url string)
	listening    func(url string)
	pageOnly     bool
	grace        time.Duration
	telemetry    Telemetry
	log          zerolog.Logger
	version      string
	in           io.Reader
	out          io.Writer
	configDigest string
	configFile   string
	approved     bool
}

// complete applies the options to the defaults, and sets what depends on the
// machine.
func (o *options) complete(opts []Option) error {
	defaults := config.Defaults()
	*o = options{
		models: defaults.LLM, keep: defaults.Records.Keep, maxBytes: int64(defaults.Records.MaxBytes),
		grace: defaults.Grace, log: zerolog.Nop(), in: os.Stdin, out: os.Stdout,
	}
	for _, opt := range opts {
		opt(o)
	}
	if !o.bare {
		o.executors = append(builtin.All(), o.executors...)
	}
	audited := !o.policy.Audit.Off && o.policy.Audit.Path == ""
	if o.dataDir == "" && (o.store == "" || audited) {
		var err error
		if o.dataDir, err = config.DataFolder(os.Getenv); err != nil {
			return &SettingError{"data folder", fmt.Errorf("%w; name one with WithDataDir", err)}
		}
	}
	if o.store == "" {
		o.store = "sqlite:" + filepath.Join(o.dataDir, "runs.db")
	}
	if audited {
		o.policy.Audit.Path = filepath.Join(o.dataDir, "audit.jsonl")
	}
	return nil
}

// trusted returns what the options name and callers must not change.
func (o *options) trusted() []policy.Trusted {
	path, sqlite := strings.CutPrefix(o.store, "sqlite:")
	if !sqlite {
		path = ""
	}
	config := o.configFile
	if o.approved {
		config = "" // it is held by its digest
	}
	list := []policy.Trusted{
		{Setting: "data_dir", Path: o.dataDir, Private: true},
		{Setting: "trees", Path: o.trees},
		{Setting: "executors_dir", Path: o.executorsDir, Folder: true},
		{Setting: "the configuration file", Path: config},
	}
	if path != "" {
		for _, ending := range []string{"", "-wal", "-shm", "-journal"} { // SQLite's files
			list = append(list, policy.Trusted{Setting: "store", Path: path + ending, Private: true})
		}
	}
	for i := range o.http.Tokens {
		list = append(list, o.http.Tokens[i].trusted())
	}
	if o.http.OAuth != nil {
		list = append(list, o.http.OAuth.trusted())
	}
	list = slices.DeleteFunc(list, func(t policy.Trusted) bool { return t.Path == "" })
	for i := range list {
		if abs, err := filepath.Abs(list[i].Path); err == nil {
			list[i].Path = abs
		}
	}
	return list
}

// WithExecutors adds executors to the built-in ones.
func WithExecutors(own ...executors.Executor) Option {
	return func(o *options) { o.executors = append(o.executors, own...) }
}

// WithoutBuiltin leaves out the built-in executors.
func WithoutBuiltin() Option { return func(o *options) { o.bare = true } }

// WithPolicy sets what calls may do. The zero Config, which is the default,
// allows nothing dangerous and writes an audit trail to audit.jsonl in the data
// folder.
func WithPolicy(cfg policy.Config) Option { return func(o *options) { o.policy = cfg } }

// WithModels sets the language models and their limits. The default uses the
// first provider that has a key in the environment.
func WithModels(settings llm.Settings) Option { return func(o *options) { o.models = settings } }

// WithDataDir sets the folder of the store and the audit trail, unless these
// are set themselves. The default is the user's data folder for chainwright.
func WithDataDir(dir string) Option { return func(o *options) { o.dataDir = dir } }

// WithStore sets where runs are recorded: "sqlite:PATH",
// "postgres://…" for a database that several processes share, or "memory" for
// records that end with the program. The default is runs.db in the data folder.
func WithStore(url string) Option { return func(o *options) { o.store = url } }

// WithEngine sets what runs task trees: "temporal://HOST:PORT/NAMESPACE" for a
// Temporal server and the workers of all processes that share it. The store must be
// a database that they share too. It is for programs that are built with the tag
// temporal. The default is this process.
func WithEngine(url string) Option { return func(o *options) { o.engine = url } }

// WithRecords limits the age and the size of ended runs in a store on disk: 30
// days and 1 GiB by default. 0 means no limit.
func WithRecords(maxAge time.Duration, maxBytes int64) Option {
	return func(o *options) { o.keep, o.maxBytes = maxAge, maxBytes }
}

// WithConfigDigest records a digest of the program's configuration with every
// run, so that a process that continues the run can see whether it has changed.
// The digest of the policy is always recorded.
func WithConfigDigest(digest string) Option {
	return func(o *options) { o.configDigest = digest }
}

// WithConfigFile names the file that the options were read from. Callers must not
// be able to write it. An approved file, which is used only as long as its content
// is the approved one, may be in a writable root; calls are refused to write it.
func WithConfigFile(path string, approved bool) Option {
	return func(o *options) { o.configFile, o.approved = path, approved }
}

// WithTrees sets the folder of saved task trees, which can be run by name. The
// default is none.
func WithTrees(dir string) Option { return func(o *options) { o.trees = dir } }

// WithSharedNames sets whether the planner's brief, which models and calling
// assistants get, names connections, folders, programs and secrets. The default
// is true.
func WithSharedNames(share bool) Option { return func(o *options) { o.hideNames = !share } }

// WithExecutorsDir sets a folder of executors that users write without Go; see
// docs/user-made-executors.md. They are read again when they change. The
// default is none.
func WithExecutorsDir(dir string) Option { return func(o *options) { o.executorsDir = dir } }

// WithPeersOnDemand asks the MCP servers in the folder of executors for their
// tools only when one of them is looked up, for programs that end after one call.
func WithPeersOnDemand() Option { return func(o *options) { o.onDemand = true } }

// Selection selects the tools to publish: those in Toolsets or Tools, or all if
// both are empty, without those in Exclude.
type Selection struct {
	Toolsets []string
	Tools    []string
	Exclude  []string
	// Discovery publishes three tools that find, describe and run executors
	// instead of one tool for each.
	Discovery bool
	// Within is a second selection; nil: none. A tool must be in both.
	Within *Selection
}

func (s *Selection) within() *tools.Selection {
	if s.Within == nil {
		return nil
	}
	w := s.Within
	return &tools.Selection{Toolsets: w.Toolsets, Tools: w.Tools, Exclude: w.Exclude, Within: w.within()}
}

// WithSelection sets the tools to publish. The default is all that policy
// allows.
func WithSelection(s Selection) Option { return func(o *options) { o.selection = s } }

// HTTP configures Handler and Serve.
type HTTP struct {
	// Token is the bearer token that callers must send. It, or one of Tokens, is
	// required for a server that other machines can reach; for those it needs 32
	// characters.
	Token string
	// Tokens are further tokens, each with a principal and scopes. They are read
	// when HTTP is first served, and again when one of their files changes. For
	// other machines they need 32 characters.
	Tokens []Token
	// Origins are the web origins, in addition to the server's own, whose pages
	// may call.
	Origins []string
	// Hosts are the host names, in addition to those of loopback, that requests
	// may be addressed to.
	Hosts []string
	// Stateless keeps no sessions, for replicas behind a load balancer.
	Stateless bool
	// PublicURL is the address at which clients reach the server, without /mcp:
	// https://tools.example.com. Requests may be addressed to its host name. OAuth
	// needs it.
	PublicURL string
	// OAuth, when set, accepts the access tokens of OAuth servers too.
	OAuth *OAuth
}

// OAuth is about the access tokens of OAuth servers: JWTs for this server. See
// docs/oauth.md. Its settings are checked when HTTP is first served.
type OAuth struct {
	// Issuers are the servers whose tokens are accepted.
	Issuers []string
	// Audiences are the accepted audiences (PublicURL with /mcp).
	Audiences []string
	// Algorithms are the accepted algorithms of signatures (all asymmetric ones of
	// RFC 7518).
	Algorithms []string
	// RolesClaim names the claim that holds the scopes, instead of scope and scp:
	// "realm_access.roles".
	RolesClaim string
	// Scopes are the scopes that a value of these claims stands for.
	Scopes map[string][]string
	// PageClientID is the id of the page at the first issuer, as a public client.
	// People then log in to the page with their accounts.
	PageClientID string
	// CAFile holds the certificates that issuers are verified with, instead of
	// those of the system. Callers must not be able to write it.
	CAFile string
}

// WithHTTP configures HTTP. The default serves this machine only.
func WithHTTP(h HTTP) Option { return func(o *options) { o.http = h } }

// WithLoginLink sets what is called with a one-time link to the page when Serve
// listens. The link logs in whoever opens it, once, within five minutes. Serve then
// refuses addresses that other machines can reach.
func WithLoginLink(show func(url string)) Option { return func(o *options) { o.loginLink = show } }

// WithListening sets what is called with the URL of the server, without a path, when
// Serve listens.
func WithListening(call func(url string)) Option { return func(o *options) { o.listening = call } }

// WithPageOnly has Serve serve only the page, to those who have logged in with the
// link. Serve then starts no runs on schedules, and continues only the runs that
// ServeStdio continues.
func WithPageOnly() Option { return func(o *options) { o.pageOnly = true } }

// WithGrace sets the time that cancelled tasks, and tasks after their time-out,
// have to end. The default is 5 seconds.
func WithGrace(grace time.Duration) Option { return func(o *options) { o.grace = grace } }

// WithLogger sets where the server logs. The default logs nothing.
func WithLogger(log zerolog.Logger) Option { return func(o *options) { o.log = log } }

// WithVersion sets the version that clients see.
func WithVersion(version string) Option { return func(o *options) { o.version = version } }

// WithStreams sets the input and output of ServeStdio. The default is stdin and
// stdout.
func WithStreams(in io.Reader, out io.Writer) Option {
	return func(o *options) { o.in, o.out = in, out }
}
