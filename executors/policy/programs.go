package policy

import (
	"cmp"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// program is an allowed program: what is started, what it really is, and the
// rules for its arguments.
type program struct {
	name string
	// path is what is started: the configured path, since some programs look
	// at the name they were started by (a venv's python, busybox).
	path string
	// real is what path led to when the policy was made, and file that file.
	real string
	file fs.FileInfo
	args []*regexp.Regexp
	env  []string
	key  string
}

// interpreters run what their arguments say. A link to one under another name
// would open them without being seen, so they must be listed as themselves.
var interpreters = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(sh|bash|dash|ash|zsh|ksh|mksh|fish|csh|tcsh|pwsh|powershell|cmd|` +
		`python|pypy|perl|ruby|node|nodejs|deno|bun|php|lua|luajit|tclsh|wish|expect|awk|gawk|mawk|osascript|cscript|wscript)[0-9.]*$`)
})

func newPrograms(list []Program, bad *problems) []program {
	var programs []program
	for i, entry := range list {
		key := fmt.Sprintf("command.programs[%d]", i)
		before := len(*bad)
		prog := newProgram(key, entry, bad)
		if len(*bad) == before {
			programs = append(programs, prog)
		}
	}
	return programs
}

func newProgram(key string, entry Program, bad *problems) program {
	prog := program{key: key, env: entry.Env}
	for j, rule := range entry.Args {
		re, err := regexp.Compile(rule)
		if err != nil {
			bad.add(fmt.Sprintf("%s.args[%d]", key, j), "%v", err)
			continue
		}
		prog.args = append(prog.args, re)
	}
	path, err := absolute(entry.Path)
	if err != nil {
		bad.add(key+".path", "%v", err)
		return prog
	}
	real, file, err := executable(path)
	if err != nil {
		bad.add(key+".path", "%v", err)
		return prog
	}
	prog.path, prog.real, prog.file = path, real, file
	prog.name = programName(path)
	if !interpreters().MatchString(prog.name) && interpreters().MatchString(programName(real)) {
		bad.add(key+".path", "%s is %s under another name: interpreters must be listed by their own", path, real)
	}
	if entry.Name != "" {
		prog.name = programName(entry.Name)
		if strings.ContainsAny(entry.Name, `/\`) {
			bad.add(key+".name", "%q must be a plain name", entry.Name)
		}
	}
	return prog
}

// programName is what a program is called by: no folders and, on Windows, no
// ".exe" and no upper case.
func programName(path string) string { return foldProgramName(filepath.Base(path)) }

// executable returns the file that path leads to, which must be a program.
func executable(path string) (string, fs.FileInfo, error) {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return "", nil, fmt.Errorf("%s: %w", path, cause(err))
	}
	info, err := os.Stat(real)
	if err != nil {
		return "", nil, fmt.Errorf("%s: %w", path, cause(err))
	}
	if !info.Mode().IsRegular() || !isProgram(real, info) {
		return "", nil, fmt.Errorf("%s is no program", path)
	}
	return real, info, nil
}

// unchanged reports whether the path still leads to the program that it led
// to at the start, which may have been updated in its place.
func (prog program) unchanged() bool {
	if info, err := os.Stat(prog.path); err != nil || os.SameFile(info, prog.file) {
		return err == nil
	}
	real, err := filepath.EvalSymlinks(prog.path)
	return err == nil && real == prog.real
}

// Program returns what may be started for a program's name or absolute path
// and its arguments. A name is looked for among the allowed programs only,
// never in PATH; a path counts as the program that it leads to.
func (p *Policy) Program(name string, args []string) (path string, err error) {
	if strings.ContainsRune(name, 0) || slices.ContainsFunc(args, func(a string) bool { return strings.ContainsRune(a, 0) }) {
		return "", &Denied{Field: "command", Message: "a NUL byte is not allowed in a command"}
	}
	matches := p.programsFor(name)
	if len(matches) == 0 {
		return "", p.refuseProgram(name)
	}
	var refused string
	for _, prog := range matches {
		bad, ok := prog.accepts(args)
		if !ok {
			refused = cmp.Or(refused, bad)
			continue
		}
		// The link may have been turned since; what was looked at is what runs.
		if !prog.unchanged() {
			return "", &Denied{
				Field:   "command",
				Message: fmt.Sprintf("%s is not allowed: it is no longer the program that it was at the start", prog.path),
				Hint:    "restart the server if the program was updated",
			}
		}
		return prog.path, nil
	}
	return "", &Denied{
		Field:   "command",
		Message: fmt.Sprintf("the argument %q is not allowed for %s", refused, matches[0].path),
		Hint:    fmt.Sprintf("to allow it, add a pattern that matches it to policy.%s.args", matches[0].key),
	}
}

func (p *Policy) programsFor(name string) []program {
	var match func(program) bool
	if filepath.Base(name) == name {
		folded := programName(name)
		match = func(prog program) bool { return prog.name == folded }
	} else {
		real, err := filepath.EvalSymlinks(name)
		if err != nil || !filepath.IsAbs(name) {
			return nil
		}
		match = func(prog program) bool { return prog.real == real }
	}
	var found []program
	for _, prog := range p.programs {
		if match(prog) {
			found = append(found, prog)
		}
	}
	return found
}

// accepts reports whether every argument matches a rule, else the first that
// does not.
func (prog program) accepts(args []string) (refused string, ok bool) {
	if len(prog.args) == 0 {
		return "", true
	}
	for _, arg := range args {
		if !slices.ContainsFunc(prog.args, func(re *regexp.Regexp) bool { return re.MatchString(arg) }) {
			return arg, false
		}
	}
	return "", true
}

func (p *Policy) refuseProgram(name string) error {
	path := name
	if !filepath.IsAbs(path) {
		path = "/path/to/" + programName(name)
	}
	denied := &Denied{
		Field:   "command",
		Message: fmt.Sprintf("the program %q is not allowed", name),
		Hint:    fmt.Sprintf("to allow it, add it to policy.command.programs: [{path: %s}]", path),
	}
	if len(p.programs) > 0 {
		names := make([]string, len(p.programs))
		for i, prog := range p.programs {
			names[i] = prog.name
		}
		slices.Sort(names)
		denied.Message += "; allowed are " + strings.Join(slices.Compact(names), ", ")
	}
	return denied
}

// Shell returns the machine's shell and the option that makes it read a
// command from the next argument, where the operator opened it.
func (p *Policy) Shell() (path, option string, ok bool) {
	if !p.config.Command.Shell {
		return "", "", false
	}
	path, option = systemShell()
	return path, option, true
}
