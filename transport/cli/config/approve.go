package config

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// narrowing are the settings that a file found in the working folder may
// always set: they can take away, never give.
var narrowing = []string{"policy.read_only", "policy.confirm", "toolsets", "tools", "exclude_tools", "discovery", "log_level"}

// restrict holds a server that an assistant's client started to files that
// the operator named or approved. Such a client starts its servers in
// whatever folder the assistant works, which may be somebody else's
// repository, or one that the assistant writes: a file there must not open
// anything.
func (l *Loaded) restrict() {
	if l.File == "" || l.Named {
		return
	}
	approvals, err := readApprovals(l.approvalsFile())
	if err != nil {
		l.problem(l.approvalsFile(), err.Error())
		return
	}
	if l.Approved = approvals[resolved(l.File)] == fingerprint(l.data); l.Approved {
		l.restrictExecutors()
		return
	}
	for _, s := range settings() {
		where, set := l.origins[s.key]
		fromFile := set && where != s.variable() && where[0] != '-'
		if fromFile && !slices.Contains(narrowing, s.key) {
			l.problem(where, fmt.Sprintf("%s may not be set by a file that was only found in the working folder, which an assistant may be able to write; "+
				"run `chainwright doctor --approve` here to approve the file as it stands, or name it with --config %s", s.key, l.File))
			return
		}
	}
	l.hold()
}

// restrictExecutors refuses a folder of executors that an approved file names
// beside itself: the approval holds for the file as it stands, and nothing
// keeps an assistant that works here from writing into the folder.
func (l *Loaded) restrictExecutors() {
	where := l.origin("executors_dir")
	if where == "executors_dir" || where == prefix+"EXECUTORS_DIR" || where[0] == '-' || l.ExecutorsDir == NoExecutors {
		return
	}
	if inside(filepath.Dir(resolved(l.File)), resolved(l.ExecutorsDir)) {
		l.problem(where, "executors_dir names a folder in the working folder, which an assistant may be able to write, and so run anything; "+
			"keep it elsewhere, or name it with --executors-dir "+l.ExecutorsDir)
	}
}

func (l *Loaded) approvalsFile() string { return filepath.Join(l.DataDir, "approved.json") }

// Approve records the file as it was read, so that a server started in its
// folder takes it. A later change has to be approved again.
func (l *Loaded) Approve() error {
	if l.File == "" {
		return errors.New("there is no configuration file to approve")
	}
	approvals, err := readApprovals(l.approvalsFile())
	if err != nil {
		return err
	}
	approvals[resolved(l.File)] = fingerprint(l.data)
	text, err := json.MarshalIndent(approvals, "", "  ")
	if err != nil {
		return fmt.Errorf("recording the approval: %w", err)
	}
	if err := os.MkdirAll(l.DataDir, 0o700); err != nil {
		return fmt.Errorf("recording the approval: %w", err)
	}
	fresh := l.approvalsFile() + ".new"
	if err := os.WriteFile(fresh, text, 0o600); err != nil {
		return fmt.Errorf("recording the approval: %w", err)
	}
	if err := os.Rename(fresh, l.approvalsFile()); err != nil {
		return fmt.Errorf("recording the approval: %w", err)
	}
	l.Approved = true
	return nil
}

func readApprovals(path string) (map[string]string, error) {
	approvals := map[string]string{}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return approvals, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the approvals: %w", err)
	}
	if err := json.Unmarshal(text, &approvals); err != nil {
		return nil, fmt.Errorf("reading the approvals: %w", err)
	}
	return approvals, nil
}

func fingerprint(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
