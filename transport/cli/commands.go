package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/chainwright/chainwright/chain/schedule"
	"github.com/chainwright/chainwright/transport/internal/config"
)

// commands returns the command tree. Help, completion and the reference pages
// are generated from it.
func (s *session) commands() *cobra.Command {
	root := s.command("chainwright", "", nil,
		s.command("demo", "Start the server, call it over MCP, plan a task tree from a sentence and run it.", &demoCmd{}),
		s.command("stdio", "Serve MCP on stdin and stdout. MCP clients start this command.", &stdioCmd{}),
		s.command("serve", "Serve MCP over HTTP, at /mcp, and the page, at /.", &serveCmd{}),
		s.command("ui", "Open the page on which you see and steer runs in a browser.", &uiCmd{}),
		s.command("worker", "Do the tasks of runs on a Temporal server, and serve nothing.", &workerCmd{}),
		s.command("tools", "List the published tools and their size in tokens.", &toolsCmd{}),
		s.command("executors", "List all executors, describe one, or create your own.", &executorsCmd{},
			s.command("list", "List all executors and the settings that open them, or describe one.", &executorsCmd{}),
			s.command("new", "Create an executor of your own from a working template.", &newExecutorCmd{}),
		),
		s.command("call", "Call a tool and print its envelope.", &callCmd{}),
		s.command("validate", "Check a task tree and list all problems. Runs nothing.", &validateCmd{}),
		s.command("schema", "Print a JSON Schema for editors.", nil,
			s.command("tree", "Print the JSON Schema of task trees, with the inputs of all executors.", &schemaTreeCmd{}),
		),
		s.command("run", "Run a task tree.", &runCmd{}),
		s.command("trees", "List the saved task trees, show one, or remove one.", &treesCmd{},
			s.command("list", "List the saved task trees, or show one.", &treesCmd{}),
			s.command("rm", "Remove a saved task tree.", &removeTreeCmd{}),
		),
		s.command("schedules", "List the saved trees that run by themselves, or change when they do.", &schedulesCmd{},
			s.command("list", "List the saved trees that have a schedule.", &schedulesCmd{}),
			s.command("show", "Show a schedule with its next ten times.", &showScheduleCmd{}),
			s.command("enable", "Let a saved tree run by itself, as it is now. When it changes, its schedule is paused.", &changeScheduleCmd{action: schedule.Enable}),
			s.command("pause", "Start no runs of a schedule until it is resumed.", &changeScheduleCmd{action: schedule.Pause}),
			s.command("resume", "Start the runs of a paused schedule again, from now on.", &changeScheduleCmd{action: schedule.Resume}),
			s.command("disable", "Let a saved tree no longer run by itself.", &changeScheduleCmd{action: schedule.Disable}),
		),
		s.command("runs", "List recorded runs, show one, or remove some.", &runsCmd{},
			s.command("list", "List recorded runs, or show one.", &runsCmd{}),
			s.command("rm", "Remove recorded runs that have ended.", &removeRunsCmd{}),
		),
		s.command("graph", "Draw a task tree or a run: as text, Mermaid, DOT, SVG or JSON.", &graphCmd{}),
		s.command("cancel", "Cancel a run of this or another process.", &cancelCmd{}),
		s.command("retry", "Run the failed, skipped and cancelled tasks of a run again.", &retryCmd{}),
		s.command("approvals", "List the tasks that wait for a person's answer.", &approvalsCmd{}),
		s.command("approve", "Answer the question of a task that waits: approve or reject it.", &approveCmd{}),
		s.command("store", "Show what is in the store of runs, copy it, or move runs to another one.", &storeCmd{},
			s.command("show", "Show what is in the store of runs.", &storeCmd{}),
			s.command("backup", "Copy an SQLite store while servers use it.", &backupCmd{}),
			s.command("export", "Write all runs to a file that every kind of store can import.", &exportCmd{}),
			s.command("import", "Add the runs of an export to the store.", &importCmd{}),
		),
		s.command("generate", "Plan a task tree from a description, or make tasks from tasks.", nil,
			s.command("task-tree", "Plan a task tree from a requirement in natural language.", &generateTreeCmd{}),
			s.command("sequential", "Make subsequent and composed tasks from a table of tasks.", &generateSequentialCmd{}),
		),
		s.command("chain", "Send prompts to a language model in order. Each reply is the input of the next prompt.", &chainCmd{}),
		s.command("init", "Write a commented chainwright.yaml.", &initCmd{}),
		s.command("doctor", "Check the setup. Show all settings and where each comes from.", &doctorCmd{}),
		s.command("completion", "Print the completion script for a shell.", &completionCmd{}),
		s.command("version", "Print the version.", &versionCmd{}),
	)
	asked := root.Flags().Bool("version", false, "Print the version.")
	root.RunE = func(*cobra.Command, []string) error {
		if *asked {
			return (&versionCmd{JSON: s.json}).Run(s)
		}
		return root.Help()
	}
	root.PersistentFlags().SortFlags = false
	root.PersistentFlags().BoolP("help", "h", false, "Show this help.")
	for _, p := range s.globals.takes() {
		p.addTo(s, root, root.PersistentFlags())
	}
	// Every command declares its own --json. This one is for command lines without a
	// command, or with a wrong one.
	root.PersistentFlags().Bool("json", false, "Print JSON.")
	_ = root.PersistentFlags().MarkHidden("json") // it exists
	root.SetFlagErrorFunc(misusedFlag)
	root.SetHelpCommand(helpCommand(root))
	root.SilenceErrors, root.SilenceUsage = true, true // report prints errors
	root.CompletionOptions.DisableDefaultCmd = true    // the command above replaces it
	root.SetIn(s.in)
	root.SetOut(s.out)
	root.SetErr(s.err)
	return root
}

// globals are the flags of every command. A flag overrides the setting of the
// same name.
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
	LogFormat    string
	Color        string
}

func (g *globals) takes() []*param {
	return []*param{
		flag("config", &g.Config, "FILE", "Configuration file (also CHAINWRIGHT_CONFIG)."),
		flag("store", &g.Store, "URL", "Where runs are recorded: sqlite:PATH, postgres://… or memory."),
		flag("executors-dir", &g.ExecutorsDir, "FOLDER", "Folder of user-made executors; none for no folder."),
		flag("read-only", &g.ReadOnly, "", "Allow only calls that change nothing."),
		flag("toolsets", &g.Toolsets, "A,B", "Publish these toolsets only."),
		flag("tools", &g.Tools, "A,B", "Publish these tools, in addition to the toolsets."),
		flag("exclude-tools", &g.ExcludeTools, "A,B", "Publish all but these tools."),
		flag("discovery", &g.Discovery, "", "Publish three tools that find, describe and run executors instead of one tool for each."),
		flag("log-level", &g.LogLevel, "LEVEL", "Log level: trace, debug, info, warn, error or disabled.").
			offering(these("trace", "debug", "info", "warn", "error", "disabled")),
		flag("log-format", &g.LogFormat, "FORMAT", "Log format: auto (text on a terminal, else JSON), json or text.").
			oneOf(config.LogAuto, config.LogJSON, config.LogText),
		flag("color", &g.Color, "WHEN", "Color: auto (on a terminal, unless NO_COLOR is set), always or never.").oneOf(colourAuto, colourAlways, colourNever),
	}
}

// flags returns the settings that were given as flags.
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
	add(g.LogFormat != "", "log_format", "log-format", g.LogFormat)
	return given
}
