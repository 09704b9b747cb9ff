package cli

import (
	_ "embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"

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
		flag("open", &c.Open, "WHAT:VALUE", "Open files:FOLDER, files:FOLDER:write, command:PROGRAM, network:ADDRESS, ssh:HOST, docker:IMAGE, sqlite:FILE, postgres:NAME, mysql:NAME, secret:NAME@HOST, email:USER@HOST:PORT or model:PROVIDER. Repeat the flag, or separate values with commas."),
		flag("user", &c.User, "", "Write the user's file, which applies in every folder, instead of one in this folder."),
		flag("force", &c.Force, "", "Replace an existing file."),
		flag("json", &c.JSON, "", "Print JSON."),
	}
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
	done := written{File: path, Open: what.lines(), Variables: what.Variables}
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
	// Variables are to be set before the server starts.
	Variables []string `json:"variables,omitempty"`
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
	for _, name := range w.Variables {
		if os.Getenv(name) == "" {
			fmt.Fprintf(s.err, "set the variable %s: the file names it, and does not hold its value\n", name)
		}
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
