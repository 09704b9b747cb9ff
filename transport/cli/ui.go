package cli

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"

	"github.com/chainwright/chainwright/transport/app"
)

type uiCmd struct {
	NoBrowser bool
	JSON      bool
}

func (c *uiCmd) takes() []*param {
	return []*param{flag("no-browser", &c.NoBrowser, "", "Only print the link."), startAsJSON(&c.JSON)}
}

// uiAddr is a free port of loopback.
const uiAddr = "127.0.0.1:0"

// Run serves the page to the person at this machine until a signal comes.
func (c *uiCmd) Run(s *session) error {
	seen := isTerminal(s.err)
	if c.NoBrowser && !seen {
		return usage("the link is a secret that is printed to a terminal only, and none is attached to stderr; nothing was started").
			withHint("start it in a terminal, or without --no-browser")
	}
	serving, stop := context.WithCancelCause(s.ctx)
	defer stop(nil)
	var left []string // files to remove
	defer func() {
		for _, name := range left {
			_ = os.Remove(name)
		}
	}()
	dir := ""
	listening := app.WithListening(func(url string) {
		_ = s.serves(servingLine{Status: "serving", Page: url + "/"}) // the link is a secret and not in it
	})
	p, err := s.openWith([]app.Option{app.WithPageOnly(), listening, app.WithLoginLink(func(url string) {
		if seen {
			s.printLink(url)
			fmt.Fprintln(s.err, "Press Ctrl-C to end.")
		}
		if c.NoBrowser {
			return
		}
		name, err := openPage(serving, dir, url)
		if name != "" {
			left = append(left, name)
		}
		if err != nil && !seen {
			stop(usage("no browser could be opened: %w", err).withHint("start it in a terminal, and open the link that it prints"))
		}
	})}, unselected)
	if err != nil {
		return err
	}
	dir = p.config.DataDir
	err = p.app.Serve(serving, uiAddr)
	var refused *exit
	if errors.As(context.Cause(serving), &refused) {
		err = errors.Join(refused, err)
	}
	return finishing(s, p, err)
}

// printLink prints a one-time link to the page.
func (s *session) printLink(url string) {
	fmt.Fprintf(s.err, "The page, with a link that works once, within five minutes:\n  %s\n", url)
}

// linkPage sends the browser on to LINK.
//
//go:embed templates/link.html
var linkPage string

// openPage opens the browser with a link. Other users of the machine see the
// arguments of programs, so the browser gets the name of a file that only this
// user can read. The caller removes the file.
func openPage(ctx context.Context, dir, url string) (name string, err error) {
	if dir != "" {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return "", fmt.Errorf("creating the data folder: %w", err)
		}
	}
	file, err := os.CreateTemp(dir, "open-*.html") // mode 0600
	if err != nil {
		return "", fmt.Errorf("writing the link: %w", err)
	}
	name = file.Name()
	_, err = file.WriteString(strings.ReplaceAll(linkPage, "LINK", url))
	if err = errors.Join(err, file.Close()); err != nil {
		return name, fmt.Errorf("writing the link: %w", err)
	}
	args := []string{"xdg-open", name}
	switch runtime.GOOS {
	case "windows":
		args = []string{"rundll32", "url.dll,FileProtocolHandler", name}
	case "darwin":
		args = []string{"open", name}
	}
	cmd := exec.CommandContext(context.WithoutCancel(ctx), args[0], args[1:]...)
	if err := cmd.Start(); err != nil {
		return name, fmt.Errorf("opening the browser: %w", err)
	}
	return name, cmd.Process.Release() // it may live as long as the browser
}
