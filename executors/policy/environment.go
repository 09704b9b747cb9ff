package policy

import (
	"fmt"
	"regexp"
	"slices"
	"sync"
)

// variableName is what every system takes as the name of a variable.
var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// steering are variables that make a program run or load something else than
// what its arguments say, and so would get around the rules for arguments.
// Compiled when first asked: few programs run commands, and all of them start.
var steering = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?i)^(LD_.*|DYLD_.*|_?RLD_.*|GLIBC_.*|MALLOC_.*|GCONV_PATH|LOCPATH|NLSPATH|HOSTALIASES|RES_OPTIONS|` +
		`PATH|PATHEXT|COMSPEC|SYSTEMROOT|WINDIR|IFS|CDPATH|ENV|BASH_.*|SHELL|SHELLOPTS|PS4|PROMPT_COMMAND|ZDOTDIR|FPATH|` +
		`PYTHON.*|PERL.*|RUBY.*|GEM_.*|BUNDLE_.*|NODE_.*|NPM_.*|LUA_.*|PHP.*|JAVA_.*|_JAVA_OPTIONS|JDK_.*|CLASSPATH|DOTNET_.*|COR_.*|CORECLR_.*|` +
		`GIT_.*|SSH_.*|EDITOR|VISUAL|PAGER|.*_PAGER|MANOPT|LESS(OPEN|CLOSE|SECURE|KEY|KEYIN|EDIT)?|BROWSER|.*_ASKPASS|.*_EDITOR|HOME|XDG_.*|TMPDIR|TERMINFO.*|TERMCAP|` +
		`GO(FLAGS|PATH|ROOT|ENV|BIN|PROXY|TOOLCHAIN|WORK|DEBUG|MODCACHE|CACHE|ARCH|OS|PRIVATE|NOSUMDB|SUMDB|INSECURE|VCS|AUTH)|CGO_.*|CARGO.*|RUST.*|CC|CXX|LD|AR|AS|.*FLAGS|MAKE.*|OPENSSL_.*|SSL_.*|CURL_.*|WGET.*|TAR_.*|RSYNC_.*|` +
		`HTTP_PROXY|HTTPS_PROXY|ALL_PROXY|FTP_PROXY|NO_PROXY|CHAINWRIGHT_.*)$`)
})

// Environment refuses variables that a caller may not set for a program: path
// is what Program returned. Variables that steer which code runs are refused
// unless the program's entry names them.
func (p *Policy) Environment(path string, names []string) error {
	for _, name := range names {
		if !variableName.MatchString(name) {
			return &Denied{Field: "env", Message: fmt.Sprintf("%q is no name of a variable", name)}
		}
		if !steering().MatchString(name) || p.mayShell(path) {
			continue
		}
		key := "command.programs[]"
		allowed := false
		for _, prog := range p.programs {
			if prog.path == path {
				key = prog.key
				allowed = allowed || slices.Contains(prog.env, name)
			}
		}
		if !allowed {
			return &Denied{
				Field:   "env",
				Message: fmt.Sprintf("the variable %s is not allowed for %s: it can change which code runs", name, path),
				Hint:    fmt.Sprintf("to allow it, set policy.%s.env: [%s]", key, name),
			}
		}
	}
	return nil
}

// mayShell reports whether path is the shell that the operator opened: with
// it anything can be run anyway.
func (p *Policy) mayShell(path string) bool {
	shell, _, ok := p.Shell()
	return ok && shell == path
}
