package cli

import (
	_ "embed"
	"fmt"
	"io"
)

// bareBash is appended to the script for bash, which expects bash-completion.
//
//go:embed templates/completion.bash
var bareBash string

type completionCmd struct {
	shell string
	JSON  bool
}

func (c *completionCmd) takes() []*param {
	return []*param{
		arg("shell", &c.shell, "The shell: bash, zsh, fish or powershell.").oneOf("bash", "zsh", "fish", "powershell"),
		errorsAsJSON(&c.JSON),
	}
}

// Run prints the script for a shell. The script calls this program to complete
// a command line.
func (c *completionCmd) Run(s *session) (err error) {
	switch c.shell {
	case "bash":
		err = s.root.GenBashCompletionV2(s.out, true)
		if err == nil {
			_, err = io.WriteString(s.out, bareBash)
		}
	case "zsh":
		err = s.root.GenZshCompletion(s.out)
	case "fish":
		err = s.root.GenFishCompletion(s.out, true)
	case "powershell":
		err = s.root.GenPowerShellCompletionWithDesc(s.out)
	}
	if err != nil {
		return fmt.Errorf("writing the completion script: %w", err)
	}
	return nil
}
