package sqlite

import (
	_ "embed"
	"strings"

	"modernc.org/sqlite"
)

//go:embed functions.txt
var functionList string

// functions are those that a statement may call: what only computes. Loading
// code, writing logs and looking into the library are not among them.
var functions = set(strings.Fields(functionList))

// looking are the pragmas that only tell something, with or without an
// argument.
var looking = set([]string{
	"table_info", "table_xinfo", "table_list", "index_list", "index_info", "index_xinfo", "foreign_key_list",
	"collation_list", "function_list", "pragma_list", "compile_options", "data_version", "integrity_check", "quick_check", "foreign_key_check",
})

// asking are the pragmas that tell something where they have no argument, and
// set it where they have one.
var asking = set([]string{
	"application_id", "auto_vacuum", "encoding", "foreign_keys", "freelist_count", "journal_mode", "page_count", "page_size",
	"schema_version", "user_version", "query_only", "synchronous", "cache_size", "busy_timeout",
})

// setting are the pragmas that a connection that may write can set.
var setting = set([]string{"application_id", "user_version", "optimize"})

func set(names []string) map[string]bool {
	m := make(map[string]bool, len(names))
	for _, name := range names {
		m[name] = true
	}
	return m
}

// authorize is asked for everything that a statement would do, when SQLite
// compiles it. What is not known is refused.
func authorize(write bool) sqlite.AuthorizerFn {
	return func(action sqlite.AuthorizerActionCode, arg1, arg2, _, _ string) sqlite.AuthorizerReturnCode {
		if allowed(action, strings.ToLower(arg1), strings.ToLower(arg2), arg2 != "", write) {
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
		return arg1 != "sqlite_dbpage" // the file's pages, what was deleted among them
	case sqlite.AuthFunction:
		return functions[arg2] // arg1 is not used
	case sqlite.AuthPragma:
		return looking[arg1] || asking[arg1] && !hasArgument || write && setting[arg1]
	}
	return write && writing[action]
}

// writing are the actions of a connection that may write. Attaching other
// files is not one of them, and with it goes VACUUM; transactions are not,
// for each statement is one, and a connection is passed on between calls.
var writing = map[sqlite.AuthorizerActionCode]bool{
	sqlite.AuthInsert: true, sqlite.AuthUpdate: true, sqlite.AuthDelete: true,
	sqlite.AuthCreateTable: true, sqlite.AuthDropTable: true, sqlite.AuthAlterTable: true,
	sqlite.AuthCreateIndex: true, sqlite.AuthDropIndex: true, sqlite.AuthReindex: true, sqlite.AuthAnalyze: true,
	sqlite.AuthCreateView: true, sqlite.AuthDropView: true,
	sqlite.AuthCreateTrigger: true, sqlite.AuthDropTrigger: true,
	sqlite.AuthCreateVTable: true, sqlite.AuthDropVTable: true,
}
