package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// opened lists what the new file opens.
type opened struct {
	Programs []string
	Roots    []openedRoot
	Network  []string
	Hosts    []string
	Images   []string
	// Connections and Secrets are lines of YAML, each with a comment above it.
	Connections []openedEntry
	Secrets     []openedEntry
	Models      []string // lines of YAML
	Model       string
	// Variables hold the values that the file leaves out.
	Variables []string
}

// openedEntry is a connection or a secret.
type openedEntry struct {
	Name, Shown string
	Comment     string
	Value       string // YAML
}

type openedRoot struct {
	Name, Path string
	Write      bool
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
		{"  # connections:", entries("connections", o.Connections)},
		{"  # secrets:", entries("secrets", o.Secrets)},
		{"# llm:", o.Models},
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

// entries returns a section of policy with named entries, as YAML.
func entries(section string, list []openedEntry) []string {
	if len(list) == 0 {
		return nil
	}
	lines := []string{"  " + section + ":"}
	for _, each := range list {
		for line := range strings.Lines(each.Comment) {
			lines = append(lines, "    # "+strings.TrimSuffix(line, "\n"))
		}
		lines = append(lines, "    "+each.Name+": "+each.Value)
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
			switch {
			case errors.Is(err, errNoFolder):
				refused.hint = "create it first, or name an existing folder"
			case errors.Is(err, errNoDatabase):
				refused.hint = "create it first; an empty file is an empty database"
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
	case "sqlite":
		return o.addSQLite(value)
	case "postgres", "mysql":
		return o.addDatabase(kind, value)
	case "secret":
		return o.addSecret(value)
	case "email":
		return o.addMail(value)
	case "model":
		return o.addModel(value)
	default:
		return fmt.Errorf("%q can't be opened with --open; allowed are files, command, network, ssh, docker, sqlite, postgres, mysql, secret, email and model", kind)
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
	for _, each := range slices.Concat(o.Connections, o.Secrets) {
		lines = append(lines, each.Shown)
	}
	if o.Model != "" {
		lines = append(lines, o.Model)
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
