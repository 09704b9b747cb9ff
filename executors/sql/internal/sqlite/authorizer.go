package sqlite

import (
	_ "embed"
	"strings"

	"modernc.org/sqlite"
)

//go:embed functions.txt
var functionList string

// functions lists the functions that a statement may call: those that only
// compute. Loading code, writing logs and inspecting the library are excluded.
var functions = set(strings.Fields(functionList))

// looking lists the pragmas that only read, with or without an argument.
var looking = set([]string{
	"table_info", "table_xinfo", "table_list", "index_list", "index_info", "index_xinfo", "foreign_key_list",
	"collation_list", "function_list", "pragma_list", "compile_options", "data_version", "integrity_check", "quick_check", "foreign_key_check",
})

// asking lists the pragmas that read without an argument and write with one.
var asking = set([]string{
	"application_id", "auto_vacuum", "encoding", "foreign_keys", "freelist_count", "journal_mode", "page_count", "page_size",
	"schema_version", "user_version", "query_only", "synchronous", "cache_size", "busy_timeout",
})

// setting lists the pragmas that a connection in write mode may set.
var setting = set([]string{"application_id", "user_version", "optimize"})

func set(names []string) map[string]bool {
	m := make(map[string]bool, len(names))
	for _, name := range names {
		m[name] = true
	}
	return m
}

// authorize is called for each action of a statement when SQLite compiles it.
// Unknown actions are refused. EXPLAIN only describes what a statement would do.
func authorize(h handle, write bool) sqlite.AuthorizerFn {
	return func(action sqlite.AuthorizerActionCode, arg1, arg2, _, _ string) sqlite.AuthorizerReturnCode {
		m := meterOf(h.tls)
		if allowed(action, strings.ToLower(arg1), strings.ToLower(arg2), arg2 != "", write) || m != nil && m.explains && writing[action] {
			return sqlite.AuthorizerOK
		}
		return sqlite.AuthorizerDeny
	}
}

func allowed(action sqlite.AuthorizerActionCode, arg1, arg2 string, hasArgument, write bool) bool {
	switch action {
	case sqlite.AuthSelect, sqlite.AuthRecursive:
		return true
	case sqlite.AuthRead:
		return arg1 != "sqlite_dbpage" // it shows the raw pages, with deleted rows
	case sqlite.AuthFunction:
		return functions[arg2] // arg1 is not used
	case sqlite.AuthPragma:
		return looking[arg1] || asking[arg1] && !hasArgument || write && setting[arg1]
	}
	return write && writing[action]
}

// writing lists the actions that write mode allows. Attaching files is
// excluded, and so is VACUUM, which needs it. Transactions are excluded because
// each statement is one, and connections are reused between calls.
var writing = map[sqlite.AuthorizerActionCode]bool{
	sqlite.AuthInsert: true, sqlite.AuthUpdate: true, sqlite.AuthDelete: true,
	sqlite.AuthCreateTable: true, sqlite.AuthDropTable: true, sqlite.AuthAlterTable: true,
	sqlite.AuthCreateIndex: true, sqlite.AuthDropIndex: true, sqlite.AuthReindex: true, sqlite.AuthAnalyze: true,
	sqlite.AuthCreateView: true, sqlite.AuthDropView: true,
	sqlite.AuthCreateTrigger: true, sqlite.AuthDropTrigger: true,
	sqlite.AuthCreateVTable: true, sqlite.AuthDropVTable: true,
}
