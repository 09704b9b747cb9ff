package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/chainwright/chainwright/transport/cli/config"
)

// commands are the grammar of the command line; help, completion and the
// reference pages are made from it.
func (s *session) commands() *cobra.Command {
	root := s.command("chainwright", "", nil,
		s.command("demo", "Start the server, talk MCP to it, plan a task tree from a sentence and run it. Needs nothing.", &demoCmd{}),
		s.command("stdio", "Serve MCP on stdin and stdout, for an assistant's client to start.", &stdioCmd{}),
		s.command("serve", "Serve MCP over HTTP, at /mcp.", &serveCmd{}),
		s.command("tools", "List the published tools and what each costs in tokens.", &toolsCmd{}),
		s.command("executors", "List all executors, describe one, or make one of your own.", &executorsCmd{},
			s.command("list", "List all executors, open or closed, and what opens each; or describe one.", &executorsCmd{}),
			s.command("new", "Write an executor of your own that works, to begin with.", &newExecutorCmd{}),
		),
		s.command("call", "Call a tool and print the envelope that it answers with.", &callCmd{}),
		s.command("validate", "Check a task tree and list all problems, without running anything.", &validateCmd{}),
		s.command("run", "Run a task tree.", &runCmd{}),
		s.command("trees", "List the saved task trees, or show one.", &treesCmd{}),
		s.command("runs", "List the runs on record, or show one.", &runsCmd{}),
		s.command("cancel", "Cancel a run, also one in another process.", &cancelCmd{}),
		s.command("retry", "Run again what failed, was skipped or was cancelled in a run.", &retryCmd{}),
		s.command("generate", "Plan a task tree from plain words, or make tasks from tasks.", nil,
			s.command("task-tree", "Plan a task tree from a requirement in plain words.", &generateTreeCmd{}),
			s.command("sequential", "Make subsequent and composed tasks from a table of tasks.", &generateSequentialCmd{}),
		),
		s.command("chain", "Ask a language model step by step: each reply is the input of the next prompt.", &chainCmd{}),
		s.command("init", "Write a commented chainwright.yaml.", &initCmd{}),
		s.command("doctor", "Check the set-up and show what is in force, and where it comes from.", &doctorCmd{}),
		s.command("completion", "Print the completion script for a shell.", &completionCmd{}),
		s.command("version", "Print the version.", &versionCmd{}),
	)
	asked := root.Flags().Bool("version", false, "Print the version.")
	root.RunE = func(*cobra.Command, []string) error {
		if *asked {
			return versionCmd{}.Run(s)
		}
		return root.Help()
	}
	root.PersistentFlags().SortFlags = false
	root.PersistentFlags().BoolP("help", "h", false, "Show this help.")
	for _, p := range s.globals.takes() {
		p.addTo(s, root, root.PersistentFlags())
	}
	root.SetFlagErrorFunc(misusedFlag)
	root.SetHelpCommand(helpCommand(root))
	root.SilenceErrors, root.SilenceUsage = true, true // report tells of errors
	root.CompletionOptions.DisableDefaultCmd = true    // there is one above
	root.SetIn(s.in)
	root.SetOut(s.out)
	root.SetErr(s.err)
	return root
}

// globals are the flags of every command. Each that is given overrides the
// setting that it stands for.
type globals struct {
	Config       string
	Store        string
	ExecutorsDir string
	ReadOnly     bool
	Toolsets     []string
	Tools        []string
	ExcludeTools []string
	Discovery    bool
	LogLevel     string
}

func (g *globals) takes() []*param {
	return []*param{
		flag("config", &g.Config, "FILE", "Configuration file (also CHAINWRIGHT_CONFIG)."),
		flag("store", &g.Store, "URL", "Where runs are kept: sqlite:PATH or memory."),
		flag("executors-dir", &g.ExecutorsDir, "FOLDER", "Folder of executors that you made; none for no folder."),
		flag("read-only", &g.ReadOnly, "", "Allow only calls that change nothing."),
		flag("toolsets", &g.Toolsets, "A,B", "Publish these toolsets only."),
		flag("tools", &g.Tools, "A,B", "Publish these tools only; adds to --toolsets."),
		flag("exclude-tools", &g.ExcludeTools, "A,B", "Publish all but these tools."),
		flag("discovery", &g.Discovery, "", "Publish three tools that find, describe and run executors in place of one for each."),
		flag("log-level", &g.LogLevel, "LEVEL", "trace, debug, info, warn, error or disabled.").
			offering(these("trace", "debug", "info", "warn", "error", "disabled")),
	}
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
