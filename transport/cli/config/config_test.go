package config

import (
	"os"
	"path/filepath"
	"strings"
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
		s.Flags = []Flag{{Key: "log_level", Name: "--log-level", Text: "debug"}}
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
		"a key unlike any other": {file: "qqqqqqqqq: 1\n", want: []string{"unknown key qqqqqqqqq; known here: store, data_dir"}},
		"all at once":            {file: "stroe: x\ngrace: soon\n", want: []string{":1: unknown", `:2: grace must be a duration such as 30s or 12h; got "soon"`}},
		"a wrong kind":           {file: "policy: closed\n", want: []string{`:1: policy must be a section with keys, not the value "closed"`}},
		"a wrong list":           {file: "policy:\n  network:\n    allow: {a: b}\n", want: []string{":3: policy.network.allow must be a list of texts; got a section"}},
		"a wrong element":        {file: "policy:\n  command:\n    programs: [git]\n", want: []string{`:3: policy.command.programs[0] must be a section with keys, not the value "git"`}},
		"a key that is there twice": {file: "store: memory\nstore: memory\n",
			want: []string{":2: store is there twice"}},
		"a bad size":              {file: "memory: {limit: lots}\n", want: []string{`:1: memory.limit must be a size such as 512MiB or 1GiB; got "lots"`}},
		"not YAML":                {file: "a: [\n", want: []string{"chainwright.yaml: line 1: did not find expected"}},
		"a bad store":             {file: "store: postgres://u:secret@h/d\n", want: []string{`:1: store must be sqlite:PATH or memory; got "postgres:…"`}},
		"a bad level":             {file: "log_level: loud\n", want: []string{":1: log_level must be one of"}},
		"a mistyped variable":     {env: "CHAINWRIGHT_STOER=memory", want: []string{"CHAINWRIGHT_STOER: sets nothing that is known; did you mean CHAINWRIGHT_STORE?"}},
		"a bad variable":          {env: "CHAINWRIGHT_DISCOVERY=perhaps", want: []string{`CHAINWRIGHT_DISCOVERY: discovery must be true or false; got "perhaps"`}},
		"a bad key in a variable": {env: "CHAINWRIGHT_POLICY_FILES_ROOTS={w: {pth: /srv}}", want: []string{"CHAINWRIGHT_POLICY_FILES_ROOTS: unknown key policy.files.roots.w.pth; did you mean policy.files.roots.w.path?"}},
		"a missing named file":    {env: "CHAINWRIGHT_CONFIG=/nowhere/c.yaml", want: []string{"CHAINWRIGHT_CONFIG: reading the configuration: open"}},
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
			_, err := m.load(nil)
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
	_, err := m.load(nil)
	require.NoError(t, err)
}

func TestEmptySectionsAreDefaults(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.here("policy:\nhttp:\n  # addr: x\n")
	l, err := m.load(nil)
	require.NoError(t, err)
	require.Equal(t, "127.0.0.1:8080", l.HTTP.Addr)
}

func TestThePlatformsFileIsReadWhereTheFolderHasNone(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	folder, err := configFolder(func(name string) string {
		for _, e := range m.env {
			if v, ok := strings.CutPrefix(e, name+"="); ok {
				return v
			}
		}
		return ""
	})
	require.NoError(t, err)
	m.write(filepath.Join(folder, FileName), "policy: {network: {allow: ['127.0.0.1:1']}}\n")

	l, err := m.load(func(s *Sources) { s.StartedByClient = true })
	require.NoError(t, err)
	require.True(t, l.Named)
	require.Equal(t, []string{"127.0.0.1:1"}, l.Policy.Network.Allow)

	m.here("store: memory\n")
	l, err = m.load(nil)
	require.NoError(t, err)
	require.False(t, l.Named)
	require.Empty(t, l.Policy.Network.Allow)
}

func TestAFoundFileOpensNothingForAClientUntilItIsApproved(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.here("policy:\n  network: {allow: ['127.0.0.1:1']}\n")
	byClient := func(s *Sources) { s.StartedByClient = true }

	_, err := m.load(byClient)
	require.ErrorContains(t, err, "chainwright.yaml:2: policy.network.allow may not be set by a file that was only found")

	l, err := m.load(nil) // a person at a terminal
	require.NoError(t, err)
	require.NoError(t, l.Approve())
	l, err = m.load(byClient)
	require.NoError(t, err)
	require.True(t, l.Approved)

	m.here("policy:\n  network: {allow: ['127.0.0.1:2']}\n")
	_, err = m.load(byClient)
	require.Error(t, err, "a changed file is not approved")

	_, err = m.load(func(s *Sources) { byClient(s); s.File = FileName })
	require.NoError(t, err, "a named file is")

	m.here("policy: {read_only: true}\ntoolsets: [web]\n")
	_, err = m.load(byClient)
	require.NoError(t, err, "narrowing needs no approval")
}

func TestAFoundFileGivesNothingBackThatTheUsersOwnWithholds(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	own, err := Folder(func(name string) string { return map[string]string{"HOME": m.home, "APPDATA": m.home}[name] })
	require.NoError(t, err)
	m.write(filepath.Join(own, FileName), "policy: {read_only: true, confirm: destructive}\nexclude_tools: [ssh_executor]\n")
	byClient := func(s *Sources) { s.StartedByClient = true }

	for _, found := range []string{"log_level: info\n", "", "policy: {read_only: false, confirm: never}\nexclude_tools: []\n", "policy: {confirm: where_possible}\n"} {
		m.here(found)
		l, err := m.load(byClient)
		require.NoError(t, err)
		require.True(t, l.Policy.ReadOnly, found)
		require.Equal(t, "destructive", l.Policy.Confirm, found)
		require.Equal(t, []string{"ssh_executor"}, l.ExcludeTools, found)
		require.Contains(t, l.Source("policy.confirm"), own, "doctor says where it comes from")
	}

	m.here("exclude_tools: [rest_executor]\n")
	l, err := m.load(byClient)
	require.NoError(t, err)
	require.Equal(t, []string{"rest_executor", "ssh_executor"}, l.ExcludeTools)

	l, err = m.load(nil)
	require.NoError(t, err)
	require.Empty(t, l.Policy.Confirm, "for a person the file that is read is the whole of it")

	m.env = append(m.env, "CHAINWRIGHT_READ_ONLY=false", "CHAINWRIGHT_POLICY_CONFIRM=never")
	l, err = m.load(func(s *Sources) {
		byClient(s)
		s.Flags = []Flag{{Key: "exclude_tools", Name: "--exclude-tools", Text: "db_query"}}
	})
	require.NoError(t, err)
	require.False(t, l.Policy.ReadOnly, "the operator's variables stand over files")
	require.Equal(t, "never", l.Policy.Confirm)
	require.Equal(t, []string{"db_query"}, l.ExcludeTools)

	m.write(filepath.Join(own, FileName), "polcy: {}\n")
	_, err = m.load(byClient)
	require.ErrorContains(t, err, "unknown key polcy", "what can't be read is not taken for nothing")

	require.NoError(t, os.Remove(filepath.Join(own, FileName)))
	require.NoError(t, os.Symlink(filepath.Join(own, "away"), filepath.Join(own, FileName)))
	_, err = m.load(byClient)
	require.ErrorContains(t, err, "reading the configuration", "nor is what is away for a while")
}

func TestCallersMayNotWriteWhatHoldsThePolicy(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.here("policy:\n  files:\n    roots:\n      work: {path: ., write: true}\n")
	_, err := m.load(nil)
	require.ErrorContains(t, err, "chainwright.yaml:4: policy.files.roots.work would let callers write this configuration file")

	m.here("policy: {files: {roots: {home: {path: '~', write: true}}}}\n")
	_, err = m.load(nil)
	require.ErrorContains(t, err, "would let callers write the data folder")

	m.here("policy: {files: {roots: {work: {path: .}}}}\n")
	_, err = m.load(nil)
	require.NoError(t, err, "reading it is no harm")
}

func TestCallersMayNotWriteWhereExecutorsAreMade(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	own := func(dir string) func(*Sources) {
		return func(s *Sources) { s.Flags = []Flag{{"executors_dir", "--executors-dir", dir}} }
	}
	m.here("policy:\n  files:\n    roots:\n      work: {path: /srv/work, write: true}\n")
	for _, dir := range []string{"/srv/work", "/srv/work/own", "/srv", "/srv/own/../work/x"} {
		_, err := m.load(own(dir))
		require.ErrorContains(t, err, "chainwright.yaml:4: policy.files.roots.work would let callers write into ", dir)
	}
	for _, dir := range []string{"/srv/own", "none", "/srv/workshop"} {
		_, err := m.load(own(dir))
		require.NoError(t, err, dir)
	}
	l, err := m.load(nil)
	require.NoError(t, err)
	require.Equal(t, "executors", filepath.Base(l.ExecutorsDir))
	require.True(t, filepath.IsAbs(l.ExecutorsDir))
}

func TestApprovalDoesNotHoldForAFolderOfExecutors(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	byClient := func(s *Sources) { s.StartedByClient = true }
	m.here("executors_dir: own\n")
	_, err := m.load(byClient)
	require.ErrorContains(t, err, "executors_dir may not be set by a file that was only found")
	l, err := m.load(nil)
	require.NoError(t, err)
	require.NoError(t, l.Approve())
	_, err = m.load(byClient)
	require.ErrorContains(t, err, "chainwright.yaml:1: executors_dir names a folder in the working folder")
	_, err = m.load(func(s *Sources) { byClient(s); s.Flags = []Flag{{"executors_dir", "--executors-dir", "own"}} })
	require.NoError(t, err, "named by the operator")
	m.here("executors_dir: /srv/own\n")
	l, err = m.load(nil)
	require.NoError(t, err)
	require.NoError(t, l.Approve())
	_, err = m.load(byClient)
	require.NoError(t, err)
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
		l.data = []byte(text)
		l.File = filepath.Join(dir, FileName)
		l.parse(dir)
	})
}
