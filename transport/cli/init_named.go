package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/chainwright/chainwright/executors/llm"
)

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// named adds a connection or a secret, each name once.
func (o *opened) named(list *[]openedEntry, entry openedEntry) error {
	if slices.ContainsFunc(*list, func(e openedEntry) bool { return e.Name == entry.Name }) {
		return fmt.Errorf("%s is opened twice; give the second one another name", entry.Name)
	}
	*list = append(*list, entry)
	return nil
}

// reads notes a variable that the file names.
func (o *opened) reads(variable string) error {
	if !variableName.MatchString(variable) {
		return fmt.Errorf("%q is not the name of a variable", variable)
	}
	if !slices.Contains(o.Variables, variable) {
		o.Variables = append(o.Variables, variable)
	}
	return nil
}

var errNoDatabase = errors.New("there is no file")

// addSQLite opens a database in a file: FILE or FILE:write. Its name is that of the
// file, without the ending.
func (o *opened) addSQLite(value string) error {
	file, write := strings.CutSuffix(value, ":write")
	path, err := filepath.Abs(file)
	if rest, inHome := strings.CutPrefix(file, "~"); inHome {
		var home string
		if home, err = os.UserHomeDir(); err == nil {
			path = filepath.Join(home, rest)
		}
	}
	if err != nil {
		return fmt.Errorf("finding the file: %w", err)
	}
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w %s", errNoDatabase, path) // calls create no database
	}
	name := rootName(strings.TrimSuffix(path, filepath.Ext(path)))
	return o.named(&o.Connections, openedEntry{
		Name: name, Shown: fmt.Sprintf("database %s (SQLite, %s)", name, readOrWrite(write)),
		Comment: "An SQLite file. write: true allows changes.",
		Value:   fmt.Sprintf("{kind: sqlite, dsn: %s, write: %t}", quote(path), write),
	})
}

func readOrWrite(write bool) string {
	if write {
		return "read and write"
	}
	return "read"
}

// addDatabase opens a database whose address is in a variable: NAME, NAME=VARIABLE,
// and either with :write.
func (o *opened) addDatabase(kind, value string) error {
	value, write := strings.CutSuffix(value, ":write")
	name, variable, _ := strings.Cut(value, "=")
	if strings.Contains(name, ":") || strings.Contains(name, "@") {
		return fmt.Errorf("write a name, and put the address into a variable: %s:orders reads ORDERS_DSN, %s:orders=MY_DSN reads MY_DSN", kind, kind)
	}
	if name = rootName(name); variable == "" {
		variable = strings.ToUpper(strings.ReplaceAll(name, "-", "_")) + "_DSN"
	}
	if err := o.reads(variable); err != nil {
		return err
	}
	example := "postgres://reader@db.example.com/" + name
	if kind == "mysql" {
		example = "reader:PASSWORD@tcp(db.example.com:3306)/" + name
	}
	return o.named(&o.Connections, openedEntry{
		Name: name, Shown: fmt.Sprintf("database %s (%s, %s, its address in %s)", name, kind, readOrWrite(write), variable),
		Comment: fmt.Sprintf("The address is in the variable %s: %s\nUse an account that can do only what callers may do. write: true allows changes.", variable, example),
		Value:   fmt.Sprintf("{kind: %s, dsn_env: %s, write: %t}", kind, variable, write),
	})
}

// addSecret opens a secret: NAME@HOST, or NAME=VARIABLE@HOST, or NAME=FILE@HOST.
// Several hosts are separated by semicolons.
func (o *opened) addSecret(value string) error {
	value, list, ok := strings.Cut(value, "@")
	hosts := strings.FieldsFunc(list, func(r rune) bool { return r == ';' })
	if !ok || len(hosts) == 0 {
		return errors.New("a secret is bound to the hosts that it may be sent to: secret:GITHUB_TOKEN@api.github.com")
	}
	name, from, _ := strings.Cut(value, "=")
	if !variableName.MatchString(name) {
		return fmt.Errorf("%q is not a name of letters, digits and _", name)
	}
	source, where := "", ""
	if strings.ContainsAny(from, `/\~`) {
		path := from
		if !strings.HasPrefix(from, "~") {
			var err error
			if path, err = filepath.Abs(from); err != nil {
				return fmt.Errorf("finding the file: %w", err)
			}
		}
		source, where = "file: "+quote(path), "the file "+path
	} else {
		if from == "" {
			from = name
		}
		if err := o.reads(from); err != nil {
			return err
		}
		source, where = "env: "+from, "the variable "+from
	}
	quoted := make([]string, len(hosts))
	for i, host := range hosts {
		quoted[i] = quote(host)
	}
	return o.named(&o.Secrets, openedEntry{
		Name: name, Shown: fmt.Sprintf("secret %s for %s", name, listed(hosts)),
		Comment: fmt.Sprintf("The value is in %s. Callers write ${{ secrets.%s }} and never see it. It is sent\nto these hosts only, over an encrypted connection.", where, name),
		Value:   fmt.Sprintf("{%s, hosts: [%s]}", source, listed(quoted)),
	})
}

// addMail opens a mail server: HOST, HOST:PORT, and either with USER@ before it. The
// user's password is in MAIL_PASSWORD.
func (o *opened) addMail(value string) error {
	user, at := "", value
	if i := strings.LastIndex(value, "@"); i >= 0 {
		user, at = value[:i], value[i+1:]
	}
	host, port := at, 587
	if h, p, err := net.SplitHostPort(at); err == nil {
		n, err := strconv.ParseUint(p, 10, 16)
		if err != nil || n == 0 {
			return fmt.Errorf("the port must be a number from 1 to 65535; got %q", p)
		}
		host, port = h, int(n)
	}
	if host == "" {
		return errors.New("a mail server has a host: email:me@example.com@smtp.example.com:587")
	}
	encryption := "starttls"
	if port == 465 {
		encryption = "tls"
	}
	parts := []string{"kind: smtp", "host: " + quote(host), fmt.Sprintf("port: %d", port), "tls: " + encryption}
	comment := "Mail is encrypted: tls is starttls or, usually on port 465, tls."
	if user != "" {
		parts = append(parts, "user: "+quote(user), "password_env: MAIL_PASSWORD")
		comment += "\nThe password is in the variable MAIL_PASSWORD."
		if err := o.reads("MAIL_PASSWORD"); err != nil {
			return err
		}
	}
	if strings.Contains(user, "@") {
		parts = append(parts, "from: "+quote(user))
	} else {
		comment += "\nfrom: is the sender's address; without it, callers give one."
	}
	return o.named(&o.Connections, openedEntry{
		Name: "mail", Shown: fmt.Sprintf("e-mail over %s:%d (as mail)", host, port), Comment: comment, Value: "{" + strings.Join(parts, ", ") + "}",
	})
}

// addModel chooses the language model: PROVIDER or PROVIDER:MODEL. Its key stays in
// the provider's own variable.
func (o *opened) addModel(value string) error {
	provider, model, _ := strings.Cut(value, ":")
	if o.Model != "" {
		return errors.New("only one model can be chosen; calls can name others")
	}
	keys := map[string]string{llm.OpenAI: "OPENAI_API_KEY", llm.Anthropic: "ANTHROPIC_API_KEY", llm.Ollama: ""}
	key, known := keys[provider]
	if !known {
		return fmt.Errorf("the provider must be openai, anthropic or ollama; got %q", provider)
	}
	o.Model = "language model of " + provider
	o.Models = []string{"llm:", "  provider: " + provider}
	if model != "" {
		o.Model += ", " + model
		o.Models = append(o.Models, "  model: "+quote(model))
	}
	if key == "" {
		return nil
	}
	o.Models = append(o.Models, "  # The key is in the variable "+key+". A run stops at these limits:", "  max_cost_usd: 1", "  max_tokens_total: 1000000")
	return o.reads(key)
}
