package cli

import (
	"strings"

	"github.com/chainwright/chainwright/transport/cli/config"
)

// commands is the grammar of the command line; help, completion and the
// reference pages are made from it.
type commands struct {
	globals

	Demo       demoCmd       `cmd:"" help:"Start the server, talk MCP to it, plan a task tree from a sentence and run it. Needs nothing."`
	Stdio      stdioCmd      `cmd:"" help:"Serve MCP on stdin and stdout, for an assistant's client to start."`
	Serve      serveCmd      `cmd:"" help:"Serve MCP over HTTP, at /mcp."`
	Tools      toolsCmd      `cmd:"" help:"List the published tools and what each costs in tokens."`
	Executors  executorsCmds `cmd:"" help:"List all executors, describe one, or make one of your own."`
	Call       callCmd       `cmd:"" help:"Call a tool and print the envelope that it answers with."`
	Validate   validateCmd   `cmd:"" help:"Check a task tree and list all problems, without running anything."`
	Run        runCmd        `cmd:"" help:"Run a task tree."`
	Runs       runsCmd       `cmd:"" help:"List the runs on record, or show one."`
	Cancel     cancelCmd     `cmd:"" help:"Cancel a run, also one in another process."`
	Retry      retryCmd      `cmd:"" help:"Run again what failed, was skipped or was cancelled in a run."`
	Generate   generateCmds  `cmd:"" help:"Plan a task tree from plain words, or make tasks from tasks."`
	Chain      chainCmd      `cmd:"" help:"Ask a language model step by step: each reply is the input of the next prompt."`
	Init       initCmd       `cmd:"" help:"Write a commented chainwright.yaml."`
	Doctor     doctorCmd     `cmd:"" help:"Check the set-up and show what is in force, and where it comes from."`
	Completion completionCmd `cmd:"" help:"Print the completion script for a shell."`
	Version    versionCmd    `cmd:"" help:"Print the version."`
}

// globals are the flags of every command. Each that is given overrides the
// setting that it stands for.
type globals struct {
	Config       string   `group:"everywhere" placeholder:"FILE" help:"Configuration file (also CHAINWRIGHT_CONFIG)."`
	Store        string   `group:"everywhere" placeholder:"URL" help:"Where runs are kept: sqlite:PATH or memory."`
	ExecutorsDir string   `group:"everywhere" placeholder:"FOLDER" help:"Folder of executors that you made; none for no folder."`
	ReadOnly     bool     `group:"everywhere" help:"Allow only calls that change nothing."`
	Toolsets     []string `group:"everywhere" placeholder:"A,B" help:"Publish these toolsets only."`
	Tools        []string `group:"everywhere" name:"tools" placeholder:"A,B" help:"Publish these tools only; adds to --toolsets."`
	ExcludeTools []string `group:"everywhere" placeholder:"A,B" help:"Publish all but these tools."`
	Discovery    bool     `group:"everywhere" help:"Publish three tools that find, describe and run executors in place of one for each."`
	LogLevel     string   `group:"everywhere" placeholder:"LEVEL" help:"trace, debug, info, warn, error or disabled."`
}

// flags are the settings that were given, for the configuration to weigh.
func (g *globals) flags() []config.Flag {
	var given []config.Flag
	add := func(set bool, key, name, text string) {
		if set {
			given = append(given, config.Flag{Key: key, Name: "--" + name, Text: text})
		}
	}
	add(g.Store != "", "store", "store", g.Store)
	add(g.ExecutorsDir != "", "executors_dir", "executors-dir", g.ExecutorsDir)
	add(g.ReadOnly, "policy.read_only", "read-only", "true")
	add(len(g.Toolsets) > 0, "toolsets", "toolsets", strings.Join(g.Toolsets, ","))
	add(len(g.Tools) > 0, "tools", "tools", strings.Join(g.Tools, ","))
	add(len(g.ExcludeTools) > 0, "exclude_tools", "exclude-tools", strings.Join(g.ExcludeTools, ","))
	add(g.Discovery, "discovery", "discovery", "true")
	add(g.LogLevel != "", "log_level", "log-level", g.LogLevel)
	return given
}
