package config

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// machine is a home folder and a working folder of one test.
type machine struct {
	t    *testing.T
	home string
	dir  string
	env  []string
}

func newMachine(t *testing.T) *machine {
	t.Helper()
	root := t.TempDir()
	m := &machine{t: t, home: filepath.Join(root, "home"), dir: filepath.Join(root, "work")}
	for _, folder := range []string{m.home, m.dir} {
		require.NoError(t, os.Mkdir(folder, 0o700))
	}
	m.env = []string{"HOME=" + m.home, "APPDATA=" + m.home, "LOCALAPPDATA=" + m.home}
	return m
}

func (m *machine) write(path, text string) {
	m.t.Helper()
	require.NoError(m.t, os.MkdirAll(filepath.Dir(path), 0o700))
	require.NoError(m.t, os.WriteFile(path, []byte(text), 0o600))
}

func (m *machine) here(text string) { m.t.Helper(); m.write(filepath.Join(m.dir, FileName), text) }

// own writes the user's own file.
func (m *machine) own(text string) string {
	m.t.Helper()
	folder, err := Folder(func(name string) string { return map[string]string{"HOME": m.home, "APPDATA": m.home}[name] })
	require.NoError(m.t, err)
	m.write(filepath.Join(folder, FileName), text)
	return folder
}

// named loads a file in the working folder that the operator names.
func (m *machine) named() (*Loaded, error) {
	return m.load(func(s *Sources) { s.File = FileName })
}

// approve approves the file in the working folder.
func (m *machine) approve() {
	m.t.Helper()
	l, err := m.load(func(s *Sources) { s.Review = true })
	require.NoError(m.t, err)
	require.NoError(m.t, l.Approve())
}

func (m *machine) load(change func(*Sources)) (*Loaded, error) {
	src := Sources{Environ: m.env, Dir: m.dir}
	if change != nil {
		change(&src)
	}
	return Load(src)
}

func TestFlagsWinOverVariablesOverTheFileOverDefaults(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.here("log_level: warn\ngrace: 7s\nhttp:\n  addr: 127.0.0.1:1\n")
	m.env = append(m.env, "CHAINWRIGHT_LOG_LEVEL=error", "CHAINWRIGHT_GRACE=8s", "CHAINWRIGHT_TOOLSETS=web, data",
		"CHAINWRIGHT_READ_ONLY=true", "CHAINWRIGHT_POLICY_FILES_ROOTS={w: {path: /srv}}")

	l, err := m.load(func(s *Sources) {
		s.File, s.Flags = FileName, []Flag{{Key: "log_level", Name: "--log-level", Text: "debug"}}
	})

	require.NoError(t, err)
	require.Equal(t, "debug", l.LogLevel)
	require.Equal(t, 8*time.Second, l.Grace)
	require.Equal(t, "127.0.0.1:1", l.HTTP.Addr)
	require.Equal(t, []string{"web", "data"}, l.Toolsets)
	require.True(t, l.Policy.ReadOnly)
	require.Equal(t, "/srv", l.Policy.Files.Roots["w"].Path)
	require.Equal(t, 400, l.Memory.GCPercent)
	sources := map[string]string{}
	for _, e := range l.Entries() {
		sources[e.Key] = e.Source
	}
	require.Equal(t, "--log-level", sources["log_level"])
	require.Equal(t, "CHAINWRIGHT_GRACE", sources["grace"])
	require.Equal(t, "chainwright.yaml:4", sources["http.addr"])
	require.Equal(t, "default", sources["memory.gc_percent"])
}

func TestProblemsNameTheirPlace(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		file string
		env  string
		want []string
	}{
		"a mistyped key":      {file: "stroe: memory\n", want: []string{"chainwright.yaml:1: unknown key stroe; did you mean store?"}},
		"a mistyped deep key": {file: "policy:\n  command:\n    program: []\n", want: []string{"chainwright.yaml:3: unknown key policy.command.program; did you mean policy.command.programs?"}},
		"a key that belongs elsewhere": {file: "gc_percent: 100\n",
			want: []string{"chainwright.yaml:1: unknown key gc_percent; did you mean memory.gc_percent?"}},
		"a key unlike any other": {file: "qqqqqqqqq: 1\n", want: []string{"unknown key qqqqqqqqq; known keys: store, data_dir"}},
		"all at once":            {file: "stroe: x\ngrace: soon\n", want: []string{":1: unknown", `:2: grace must be a duration such as 30s or 12h; got "soon"`}},
		"a wrong kind":           {file: "policy: closed\n", want: []string{`:1: policy must be a section with keys, not the value "closed"`}},
		"a wrong list":           {file: "policy:\n  network:\n    allow: {a: b}\n", want: []string{":3: policy.network.allow must be a list of strings; got a section"}},
		"a wrong element":        {file: "policy:\n  command:\n    programs: [git]\n", want: []string{`:3: policy.command.programs[0] must be a section with keys, not the value "git"`}},
		"a key that appears twice": {file: "store: memory\nstore: memory\n",
			want: []string{":2: duplicate key store"}},
		"a bad size":              {file: "memory: {limit: lots}\n", want: []string{`:1: memory.limit must be a size such as 512MiB or 1GiB; got "lots"`}},
		"not YAML":                {file: "a: [\n", want: []string{"chainwright.yaml: line 1: did not find expected"}},
		"a bad store":             {file: "store: mysql://u:secret@h/d\n", want: []string{`:1: store must be sqlite:PATH, postgres://USER@HOST/DATABASE or memory; got "mysql:…"`}},
		"a bad level":             {file: "log_level: loud\n", want: []string{":1: log_level must be one of"}},
		"a mistyped variable":     {env: "CHAINWRIGHT_STOER=memory", want: []string{"CHAINWRIGHT_STOER: is not a known setting; did you mean CHAINWRIGHT_STORE?"}},
		"a bad variable":          {env: "CHAINWRIGHT_DISCOVERY=perhaps", want: []string{`CHAINWRIGHT_DISCOVERY: discovery must be true or false; got "perhaps"`}},
		"a bad key in a variable": {env: "CHAINWRIGHT_POLICY_FILES_ROOTS={w: {pth: /srv}}", want: []string{"CHAINWRIGHT_POLICY_FILES_ROOTS: unknown key policy.files.roots.w.pth; did you mean policy.files.roots.w.path?"}},
		"a missing named file":    {env: "CHAINWRIGHT_CONFIG=/nowhere/c.yaml", want: []string{"CHAINWRIGHT_CONFIG: reading the configuration: /nowhere/c.yaml"}},
		"an alias in itself":      {file: "policy: &a {command: *a}\n", want: []string{"policy"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMachine(t)
			if c.file != "" {
				m.here(c.file)
			}
			if c.env != "" {
				m.env = append(m.env, c.env)
			}
			_, err := m.load(func(s *Sources) {
				if c.file != "" {
					s.File = FileName
				}
			})
			require.Error(t, err)
			for _, want := range c.want {
				require.Contains(t, err.Error(), want)
			}
			require.NotContains(t, err.Error(), "secret")
		})
	}
}

func TestVariablesThatHoldValuesAreNoSettings(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.here("policy:\n  secrets: {T: {env: CHAINWRIGHT_GITHUB, hosts: [api.github.com]}}\n")
	m.env = append(m.env, "CHAINWRIGHT_GITHUB=x", "CHAINWRIGHT_TOKEN=y", "CHAINWRIGHT_PROCESS=0123-1", "CHAINWRIGHT_DISCOVERY=")
	_, err := m.named()
	require.NoError(t, err)
}

func TestEmptySectionsAreDefaults(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.here("policy:\nhttp:\n  # addr: x\n")
	l, err := m.named()
	require.NoError(t, err)
	require.Equal(t, "127.0.0.1:8080", l.HTTP.Addr)
}

func TestWithoutAHomeTheStoreHasToBeNamed(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.env = nil
	_, err := m.load(nil)
	require.ErrorContains(t, err, "no home folder")
	l, err := m.load(func(s *Sources) { s.Flags = []Flag{{"store", "--store", "memory"}} })
	require.NoError(t, err)
	require.Equal(t, "memory", l.Store)
}

func TestEverySettingHasAVariableOfItsOwn(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for _, s := range settings() {
		require.NotEmpty(t, s.key)
		require.Empty(t, seen[s.variable()], "%s and %s", s.key, seen[s.variable()])
		seen[s.variable()] = s.key
	}
	require.Equal(t, "policy.read_only", seen["CHAINWRIGHT_READ_ONLY"])
	require.Equal(t, "store", seen["CHAINWRIGHT_STORE"])
}

func FuzzLoad(f *testing.F) {
	f.Add("policy: {command: {programs: [{path: /bin/true}]}}")
	f.Add("a: &a [*a]")
	f.Add("http: {addr: 1}\n? x\n: y")
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text string) {
		l := &Loaded{Config: Defaults(), origins: map[string]string{}, lookup: map[string]string{}}
		l.data, l.src.Dir = []byte(text), dir
		l.File = filepath.Join(dir, FileName)
		l.parse()
	})
}

// What is shown of a store has no password.
func TestShownStore(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	l, err := m.load(func(s *Sources) { s.Flags = []Flag{{"store", "--store", "postgres://u:s3cret@db/runs"}} })
	require.NoError(t, err)
	for _, entry := range l.Entries() {
		require.NotContains(t, entry.Value, "s3cret", entry.Key)
	}
	require.Equal(t, "postgres://u:xxxxx@db/runs", l.ShownStore())
	require.Equal(t, "postgres://u:s3cret@db/runs", l.Store)
}
