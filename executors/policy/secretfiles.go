package policy

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// secretFiles returns the files that hold secrets, by their settings.
func (p *Policy) secretFiles() map[string]string {
	files := map[string]string{}
	add := func(key, file string) {
		if path, err := absolute(file); err == nil {
			files[key] = path
		}
	}
	for name, s := range p.config.Secrets {
		add("secrets."+name+".file", s.File)
	}
	for name, c := range p.config.OAuthClients {
		add("oauth_clients."+name+".client_secret_file", c.ClientSecretFile)
		add("oauth_clients."+name+".key_file", c.KeyFile)
	}
	for name, c := range p.connections {
		add("connections."+name+".password_file", c.PasswordFile)
		add("connections."+name+".token_file", c.TokenFile)
		add("connections."+name+".key_file", c.KeyFile)
	}
	return files
}

// notSecret returns a *Denied if a file in a root holds a secret: read in pieces,
// it could not be redacted.
func (p *Policy) notSecret(path string, info fs.FileInfo) error {
	for key, file := range p.secretFiles() {
		if own, err := os.Stat(file); err == nil && os.SameFile(own, info) {
			return &Denied{Message: fmt.Sprintf("%q is not allowed: it holds a secret", path), Hint: "the operator can move the file out of the folder: policy." + key}
		}
	}
	return nil
}

// NoSecretBelow returns a *Denied if a folder contains a file that holds a
// secret. path is the folder without links.
func (p *Policy) NoSecretBelow(path string) error {
	for key, file := range p.secretFiles() {
		real, err := filepath.EvalSymlinks(file)
		if err != nil {
			continue
		}
		if rel, err := filepath.Rel(path, real); err == nil && filepath.IsLocal(rel) {
			return &Denied{Message: fmt.Sprintf("the folder %s is not allowed: it contains a secret", path), Hint: "the operator can move the file out of the folder: policy." + key}
		}
	}
	return nil
}
