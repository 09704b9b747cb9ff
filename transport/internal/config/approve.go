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
	"strings"

	"github.com/chainwright/chainwright/executors/plainjson"
	"github.com/chainwright/chainwright/executors/policy"
)

// restrictExecutors refuses a folder of executors in the folder of an approved
// file. The approval covers only the content of the file, and an assistant that
// works there may be able to write executors into the folder.
func (l *Loaded) restrictExecutors() {
	where, set := l.origins["executors_dir"]
	if !set || !l.fromFile(where) || l.ExecutorsDir == NoExecutors {
		return
	}
	if contains(filepath.Dir(resolved(l.File)), l.ExecutorsDir) {
		l.problem(where, "executors_dir is inside the working folder, where an assistant may be able to write executors and run anything; "+
			"use another folder, or name it with --executors-dir "+l.ExecutorsDir)
	}
}

// resolveRoots lets the roots in a project's own file be relative to it. The approval
// covers the place of the file and its content, so the paths are known. In other
// files a relative path would open whatever folder they are used for.
func (l *Loaded) resolveRoots() {
	for name, root := range l.Policy.Files.Roots {
		if root.Path != "" && !filepath.IsAbs(root.Path) && !strings.HasPrefix(root.Path, "~") {
			root.Path = filepath.Join(filepath.Dir(l.File), root.Path)
			l.Policy.Files.Roots[name] = root
		}
	}
}

// approvalsFile is in the data folder of the operator's own configuration. A found
// file can't move it, and so can't approve itself.
func (l *Loaded) approvalsFile() string { return filepath.Join(l.DataDir, "approved.json") }

// Approve records the content of the found file as approved. A changed file must
// be approved again.
func (l *Loaded) Approve() error {
	if l.Found == "" {
		return errors.New("there is no chainwright.yaml in this folder to approve, or a file was named instead")
	}
	own := loadOwn(l.src)
	if len(own.problems) > 0 {
		return own.problems
	}
	file := own.approvalsFile()
	approvals, err := readApprovals(file)
	if err != nil {
		return err
	}
	approvals[resolved(l.Found)] = fingerprint(l.data)
	text, err := plainjson.Indent(approvals, "  ")
	if err != nil {
		return fmt.Errorf("recording the approval: %w", err)
	}
	if err := os.MkdirAll(own.DataDir, 0o700); err != nil {
		return fmt.Errorf("recording the approval: %w", err)
	}
	fresh := file + ".new"
	if err := os.WriteFile(fresh, text, 0o600); err != nil {
		return fmt.Errorf("recording the approval: %w", err)
	}
	if err := os.Rename(fresh, file); err != nil {
		return fmt.Errorf("recording the approval: %w", err)
	}
	l.Approved = true
	return nil
}

func readApprovals(path string) (map[string]string, error) {
	approvals := map[string]string{}
	text, err := policy.ReadRegular(path, maxFile)
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
