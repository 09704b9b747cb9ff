package cli

import (
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/chainwright/chainwright/executors/policy"
	"github.com/chainwright/chainwright/transport/internal/config"
)

// configTemplate is a configuration file in which every line is a comment.
//
//go:embed templates/chainwright.yaml
var configTemplate string

type initCmd struct {
	Open  []string
	User  bool
	Force bool
	JSON  bool
}

func (c *initCmd) takes() []*param {
	return []*param{
		flag("open", &c.Open, "WHAT:VALUE", "Open files:FOLDER, files:FOLDER:write, command:PROGRAM, network:ADDRESS, ssh:HOST or docker:IMAGE. Repeat the flag, or separate values with commas."),
		flag("user", &c.User, "", "Write the user's file, which applies in every folder, instead of one in this folder."),
		flag("force", &c.Force, "", "Replace an existing file."),
		flag("json", &c.JSON, "", "Print JSON."),
	}
}

// opened lists what the new file opens.
type opened struct {
	Programs []string
	Roots    []openedRoot
	Network  []string
	Hosts    []string
	Images   []string
}

type openedRoot struct {
	Name, Path string
	Write      bool
}

// Run writes the file. It writes only a file that loads without problems.
func (c *initCmd) Run(s *session) error {
	what, err := parseOpen(c.Open)
	if err != nil {
		return err
	}
	text, err := what.render()
	if err != nil {
		return err
	}
	path, err := c.path()
	if err != nil {
		return err
	}
	if _, err := os.Stat(path); err == nil && !c.Force {
		return usage("%s already exists", path).withHint("use --force to replace it")
	}
	done := written{File: path, Open: what.lines()}
	if done.Approved, err = s.place(path, text); err != nil {
		return err
	}
	if !c.User {
		done.Schema = filepath.Join(filepath.Dir(path), treeSchemaFile)
		if err := s.placeTreeSchema(done.Schema); err != nil {
			return err
		}
	}
	return done.tell(s, c.JSON)
}

// written is what init has done.
type written struct {
	File     string   `json:"file"`
	Approved bool     `json:"approved"` // false also for the user's file, which needs no approval
	Open     []string `json:"open"`
	Schema   string   `json:"schema_file,omitempty"`
}

func (w *written) tell(s *session, asJSON bool) error {
	if asJSON {
		return s.printJSON(w)
	}
	fmt.Fprintf(s.out, "wrote %s\n", w.File)
	for _, line := range w.Open {
		fmt.Fprintf(s.out, "  open: %s\n", line)
	}
	if w.Schema != "" {
		fmt.Fprintf(s.out, "wrote %s, the schema of task trees for editors\n", w.Schema)
	}
	fmt.Fprintf(s.err, "next: chainwright doctor\n")
	return nil
}

func (c *initCmd) path() (string, error) {
	if !c.User {
		return filepath.Abs(config.FileName)
	}
	folder, err := config.Folder(os.Getenv)
	if err != nil {
		return "", usage("%w", err)
	}
	return filepath.Join(folder, config.FileName), nil
}

// place writes a draft next to the file, loads it, and renames it to the file
// if it has no problems. Then it approves the file, unless it is the user's file.
func (s *session) place(path string, text []byte) (approved bool, err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return false, fmt.Errorf("writing the configuration: %w", err)
	}
	draft := path + ".new"
	if err := os.WriteFile(draft, text, 0o600); err != nil {
		return false, fmt.Errorf("writing the configuration: %w", err)
	}
	if err := s.try(draft); err != nil {
		return false, errors.Join(err, os.Remove(draft))
	}
	if err := os.Rename(draft, path); err != nil {
		return false, errors.Join(fmt.Errorf("writing the configuration: %w", err), os.Remove(draft))
	}
	if approved, err = s.approve(path); err != nil {
		fmt.Fprintf(s.err, "chainwright: the file is not approved and can only restrict: %v\n", err)
	}
	return approved, nil
}

// approve approves the file that was written, unless it is the user's file.
func (s *session) approve(path string) (bool, error) {
	cfg, err := s.review()
	if err != nil || cfg.Found != path {
		return false, err
	}
	return true, cfg.Approve()
}

// try loads a file and builds its policy.
func (s *session) try(path string) error {
	cfg, err := s.loadWith(path, false)
	if err != nil {
		return err
	}
	cfg.Policy.Audit.Off = true
	pol, err := policy.New(cfg.Policy)
	if err != nil {
		return usage("%w", err)
	}
	return pol.Close()
}

// render replaces the examples in the template with the sections to open.
func (o *opened) render() ([]byte, error) {
	text := configTemplate
	for _, section := range []struct {
		example string
		lines   []string
	}{
		{"  # command: ", list("command", "programs", o.Programs, func(path string) []string {
			return []string{"- path: " + quote(path), `  # args: ["^(status|log|diff)$"]`}
		})},
		{"  # files: ", list("files", "roots", o.Roots, func(r openedRoot) []string {
			return []string{fmt.Sprintf("%s: {path: %s, write: %t}", r.Name, quote(r.Path), r.Write)}
		})},
		{"  # network: ", list("network", "allow", o.Network, item)},
		{"  # ssh: ", list("ssh", "hosts", o.Hosts, item)},
		{"  # docker: ", list("docker", "images", o.Images, item)},
	} {
		if len(section.lines) == 0 {
			continue
		}
		before, rest, found := strings.Cut(text, "\n"+section.example)
		_, after, _ := strings.Cut(rest, "\n")
		if !found {
			return nil, fmt.Errorf("writing the configuration: it has no line that begins with %q", section.example)
		}
		text = before + "\n" + strings.Join(section.lines, "\n") + "\n" + after
	}
	return []byte(text), nil
}

// list returns a section of policy with one list, as YAML.
func list[T any](section, key string, items []T, each func(T) []string) []string {
	if len(items) == 0 {
		return nil
	}
	lines := []string{"  " + section + ":", "    " + key + ":"}
	for _, one := range items {
		for _, line := range each(one) {
			lines = append(lines, "      "+line)
		}
	}
	return lines
}

func item(text string) []string { return []string{"- " + quote(text)} }

// quote returns a string in YAML quotes.
func quote(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }

var errNoFolder = errors.New("no such folder:")

// parseOpen parses the values of --open.
func parseOpen(entries []string) (opened, error) {
	var what opened
	for _, entry := range entries {
		kind, value, ok := strings.Cut(entry, ":")
		if !ok || value == "" {
			return what, usage("--open %s: write WHAT:VALUE, such as files:~/work or command:git", entry)
		}
		if err := what.add(kind, value); err != nil {
			refused := usage("--open %s: %w", entry, err)
			if errors.Is(err, errNoFolder) {
				refused.hint = "create it first, or name an existing folder"
			}
			return what, refused
		}
	}
	return what, nil
}

func (o *opened) add(kind, value string) error {
	switch kind {
	case "files":
		folder, write := strings.CutSuffix(value, ":write")
		return o.addRoot(folder, write)
	case "command":
		path, err := exec.LookPath(value)
		if err != nil {
			return fmt.Errorf("finding the program: %w", err)
		}
		if path, err = filepath.Abs(path); err != nil {
			return fmt.Errorf("finding the program: %w", err)
		}
		o.Programs = append(o.Programs, path)
	case "network":
		o.Network = append(o.Network, value)
	case "ssh":
		o.Hosts = append(o.Hosts, value)
	case "docker":
		o.Images = append(o.Images, value)
	default:
		return fmt.Errorf("%q can't be opened with --open; allowed are files, command, network, ssh and docker", kind)
	}
	return nil
}

// addRoot adds a folder under its base name. A path that begins with ~ stays as
// it is; every other path becomes absolute.
func (o *opened) addRoot(folder string, write bool) error {
	rest, inHome := strings.CutPrefix(folder, "~")
	home, err := os.UserHomeDir()
	if inHome && err != nil {
		return err
	}
	real := filepath.Join(home, rest)
	if !inHome {
		if real, err = filepath.Abs(folder); err != nil {
			return err
		}
		folder = real
	}
	info, err := os.Stat(real)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w %s", errNoFolder, real)
	case err != nil:
		return err
	case !info.IsDir():
		return fmt.Errorf("%s is not a folder", real)
	}
	o.Roots = append(o.Roots, openedRoot{Name: rootName(real), Path: folder, Write: write})
	return nil
}

// rootName returns a folder's name with only letters, digits, - and _.
func rootName(path string) string {
	name := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '-', r == '_':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		}
		return '-'
	}, filepath.Base(path))
	if name = strings.Trim(name, "-_"); name == "" {
		return "files"
	}
	return name
}

func (o *opened) lines() []string {
	lines := []string{}
	for _, root := range o.Roots {
		use := "read"
		if root.Write {
			use = "read and write"
		}
		lines = append(lines, fmt.Sprintf("files in %s (%s, as %s:PATH)", root.Path, use, root.Name))
	}
	for _, group := range []struct {
		kind string
		list []string
	}{{"program", o.Programs}, {"address", o.Network}, {"ssh host", o.Hosts}, {"docker image", o.Images}} {
		for _, each := range group.list {
			lines = append(lines, group.kind+" "+each)
		}
	}
	return lines
}
