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

// program is an allowed program and the rules for its arguments.
type program struct {
	name string
	// path is the configured path, which is started: some programs behave
	// according to the name they were started by (a venv's python, busybox).
	path string
	// real is path without links when the policy was created, and file is
	// that file.
	real string
	file fs.FileInfo
	args []*regexp.Regexp
	env  []string
	key  string
}

// interpreters run code from their arguments. They must be listed under their own
// name, so that a link with another name can't allow one unnoticed.
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

// programName returns the name of a program: without folders and, on Windows, in
// lower case without ".exe".
func programName(path string) string { return foldProgramName(filepath.Base(path)) }

// executable returns the program that a path leads to.
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
		return "", nil, fmt.Errorf("%s is not a program", path)
	}
	return real, info, nil
}

// unchanged reports whether the path leads to the same program as at the start.
// An update in place counts as the same.
func (prog program) unchanged() bool {
	if info, err := os.Stat(prog.path); err != nil || os.SameFile(info, prog.file) {
		return err == nil
	}
	real, err := filepath.EvalSymlinks(prog.path)
	return err == nil && real == prog.real
}

func (prog program) trusted() Trusted {
	return Trusted{Setting: "policy." + prog.key + ".path", Path: prog.path, Program: true}
}

// Program returns the path to start for a program's name or absolute path. It
// looks for a name among the allowed programs only, not in PATH, and resolves
// the links of a path. variables are the names of the variables that the caller
// sets. It returns a *Denied unless one entry allows the program, all arguments
// and all variables.
func (p *Policy) Program(name string, args []string, variables ...string) (path string, err error) {
	if strings.ContainsRune(name, 0) || slices.ContainsFunc(args, func(a string) bool { return strings.ContainsRune(a, 0) }) {
		return "", &Denied{Field: "command", Message: "a NUL byte is not allowed in a command"}
	}
	if err := CheckVariables(variables); err != nil {
		return "", err
	}
	matches := p.programsFor(name)
	if len(matches) == 0 {
		return "", p.refuseProgram(name)
	}
	var refused string
	var unnamed *Denied
	for _, prog := range matches {
		bad, ok := prog.accepts(args)
		if !ok {
			refused = cmp.Or(refused, bad)
			continue
		}
		if variable, ok := prog.takes(variables); !ok {
			unnamed = &Denied{
				Field:   "env",
				Message: fmt.Sprintf("the variable %s is not allowed for %s: it could change what the program does", variable, prog.path),
				Hint:    fmt.Sprintf("to allow it, set policy.%s.env: [%s]", prog.key, variable),
			}
			continue
		}
		// The link may lead elsewhere since the start.
		if !prog.unchanged() {
			return "", &Denied{
				Field:   "command",
				Message: fmt.Sprintf("%s is not allowed: it is no longer the program that it was at the start", prog.path),
				Hint:    "restart the server if the program was updated",
			}
		}
		return prog.path, p.CheckTrusted(prog.trusted())
	}
	if unnamed != nil {
		return "", unnamed
	}
	return "", matches[0].refuseArgument(refused)
}

func (prog program) refuseArgument(arg string) error {
	return &Denied{
		Field:   "command",
		Message: fmt.Sprintf("the argument %q is not allowed for %s", arg, prog.path),
		Hint:    fmt.Sprintf("to allow it, add a pattern that matches it to policy.%s.args", prog.key),
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

// accepts reports whether every argument matches a rule, and returns the first
// that does not.
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
	if names := p.ProgramNames(); len(names) > 0 {
		denied.Message += "; the allowed programs are " + strings.Join(names, ", ")
	}
	return denied
}

// Shell returns the machine's shell and its option for a command. ok is false
// unless the operator allows the shell.
func (p *Policy) Shell() (path, option string, ok bool) {
	if !p.config.Command.Shell {
		return "", "", false
	}
	path, option = systemShell()
	return path, option, true
}
