package policy

import "time"

// Config is the policy section of the configuration file. The zero value
// closes everything that can be closed.
type Config struct {
	// ReadOnly is an upper bound: only calls whose effect is read-only.
	ReadOnly bool `yaml:"read_only,omitempty" koanf:"read_only"`
	// Confirm says when the person behind the caller is asked before a call:
	// ConfirmNever where empty.
	Confirm     string                `yaml:"confirm,omitempty" koanf:"confirm"`
	Command     Command               `yaml:"command,omitempty" koanf:"command"`
	Files       Files                 `yaml:"files,omitempty" koanf:"files"`
	Network     Network               `yaml:"network,omitempty" koanf:"network"`
	SSH         SSH                   `yaml:"ssh,omitempty" koanf:"ssh"`
	Docker      Docker                `yaml:"docker,omitempty" koanf:"docker"`
	Databases   Databases             `yaml:"databases,omitempty" koanf:"databases"`
	Connections map[string]Connection `yaml:"connections,omitempty" koanf:"connections"`
	Secrets     map[string]Secret     `yaml:"secrets,omitempty" koanf:"secrets"`
	Limits      Limits                `yaml:"limits,omitempty" koanf:"limits"`
	Breaker     Breaker               `yaml:"breaker,omitempty" koanf:"breaker"`
	Audit       Audit                 `yaml:"audit,omitempty" koanf:"audit"`
}

// Command opens programs: for command_executor and for MCP peers over stdio.
type Command struct {
	// Shell lets a command that is one string run through the machine's
	// shell, which makes every other rule here moot.
	Shell    bool      `yaml:"shell,omitempty" koanf:"shell"`
	Programs []Program `yaml:"programs,omitempty" koanf:"programs"`
}

// Program is one program that may be started.
type Program struct {
	// Name is what callers may call it by; the path's last element where empty.
	Name string `yaml:"name,omitempty" koanf:"name"`
	// Path is absolute, or starts with ~/.
	Path string `yaml:"path" koanf:"path"`
	// Args are regular expressions; each argument must match at least one.
	// None allow any arguments.
	Args []string `yaml:"args,omitempty" koanf:"args"`
	// Env names variables that callers may set although they change what
	// other programs or libraries are run: GIT_DIR, PYTHONPATH, LD_PRELOAD.
	Env []string `yaml:"env,omitempty" koanf:"env"`
}

// Files opens folders by name.
type Files struct {
	Roots map[string]Root `yaml:"roots,omitempty" koanf:"roots"`
}

// Root is one folder whose files may be read and, with Write, changed.
type Root struct {
	Path  string `yaml:"path" koanf:"path"`
	Write bool   `yaml:"write,omitempty" koanf:"write"`
}

// Network opens addresses that callers may not dial otherwise: loopback,
// private, link-local and reserved ones.
type Network struct {
	// Allow holds addresses, networks (10.0.0.0/8) and host names, each but
	// the networks with a port where only that port is meant.
	Allow []string `yaml:"allow,omitempty" koanf:"allow"`
}

// SSH opens hosts, by address or by the name of a connection of kind ssh.
type SSH struct {
	Hosts []string `yaml:"hosts,omitempty" koanf:"hosts"`
}

// Docker opens images, each written as callers must name it.
type Docker struct {
	Images []string `yaml:"images,omitempty" koanf:"images"`
	// Network lets callers give a container the engine's bridge network, where
	// nothing guards which addresses it reaches.
	Network bool `yaml:"network,omitempty" koanf:"network"`
	// Host is where the engine is (unix:///run/docker.sock); without it,
	// DOCKER_HOST and what is usual on the system.
	Host string `yaml:"host,omitempty" koanf:"host"`
}

// Databases opens more than the named connections.
type Databases struct {
	// CallerDSN lets callers name any database with a DSN of their own.
	CallerDSN bool `yaml:"caller_dsn,omitempty" koanf:"caller_dsn"`
}

// Connection is an endpoint that the operator trusts, used by its name.
type Connection struct {
	// Kind is one of sqlite, postgres, mysql, ssh, smtp, grpc, mcp.
	Kind string `yaml:"kind" koanf:"kind"`
	// DSN is where a database is; DSNEnv names the variable that holds it.
	DSN    string `yaml:"dsn,omitempty" koanf:"dsn"`
	DSNEnv string `yaml:"dsn_env,omitempty" koanf:"dsn_env"`
	// Write opens more than reading.
	Write bool   `yaml:"write,omitempty" koanf:"write"`
	Host  string `yaml:"host,omitempty" koanf:"host"`
	Port  int    `yaml:"port,omitempty" koanf:"port"`
	User  string `yaml:"user,omitempty" koanf:"user"`
	// PasswordEnv and PasswordFile say where the password is.
	PasswordEnv  string `yaml:"password_env,omitempty" koanf:"password_env"`
	PasswordFile string `yaml:"password_file,omitempty" koanf:"password_file"`
	KeyFile      string `yaml:"key_file,omitempty" koanf:"key_file"`
	// PassphraseEnv names the variable with the key file's passphrase.
	PassphraseEnv string `yaml:"passphrase_env,omitempty" koanf:"passphrase_env"`
	KnownHosts    string `yaml:"known_hosts,omitempty" koanf:"known_hosts"`
	// Jump names the connection of kind ssh that this one goes through.
	Jump string `yaml:"jump,omitempty" koanf:"jump"`
	// TLS is starttls (default), tls or none for smtp, tls (default) or none
	// for grpc.
	TLS string `yaml:"tls,omitempty" koanf:"tls"`
	// From is the sender's address, for smtp.
	From string `yaml:"from,omitempty" koanf:"from"`
	// URL is where a server of kind mcp is.
	URL string `yaml:"url,omitempty" koanf:"url"`
	// CAFile holds the certificates by which a server of kind grpc or mcp is
	// known; the machine's where it is empty.
	CAFile string `yaml:"ca_file,omitempty" koanf:"ca_file"`
	// TokenEnv and TokenFile say where the bearer token for grpc and mcp is.
	TokenEnv  string `yaml:"token_env,omitempty" koanf:"token_env"`
	TokenFile string `yaml:"token_file,omitempty" koanf:"token_file"`
	// HeadersEnv names, for headers (metadata) of grpc and mcp, the variables
	// that hold their values.
	HeadersEnv map[string]string `yaml:"headers_env,omitempty" koanf:"headers_env"`
}

// Secret is a value that callers may name but never read. It is bound to
// hosts, to executors, or to both.
type Secret struct {
	// Env names the variable, File the file that holds the value.
	Env  string `yaml:"env,omitempty" koanf:"env"`
	File string `yaml:"file,omitempty" koanf:"file"`
	// Hosts it may be sent to ("api.github.com", "*.example.com",
	// "127.0.0.1:8081"). Without any it is only for calls that go nowhere.
	Hosts []string `yaml:"hosts,omitempty" koanf:"hosts"`
	// Executors that may use it. Without any, all that go to its hosts may.
	Executors []string `yaml:"executors,omitempty" koanf:"executors"`
}

// Limits are caps; zero means the default.
type Limits struct {
	// OutputBytes caps what one call may give back; 10 MiB by default.
	OutputBytes int64 `yaml:"output_bytes,omitempty" koanf:"output_bytes"`
	// FileBytes caps what is read from or written to one file; 10 MiB by default.
	FileBytes int64 `yaml:"file_bytes,omitempty" koanf:"file_bytes"`
	// MaxParallel bounds the tasks in flight in the process.
	MaxParallel int `yaml:"max_parallel,omitempty" koanf:"max_parallel"`
	// Principal bounds what each of those who ask may have done.
	Principal PrincipalLimits `yaml:"principal,omitempty" koanf:"principal"`
	// Executors holds bounds for single executors by id.
	Executors map[string]ExecutorLimits `yaml:"executors,omitempty" koanf:"executors"`
}

// PrincipalLimits bound the work of one who asks; zero means no bound of
// their own. All who use a local transport, or no token, are one.
type PrincipalLimits struct {
	// MaxParallel bounds their tasks and calls in flight.
	MaxParallel int `yaml:"max_parallel,omitempty" koanf:"max_parallel"`
	// PerSecond is how many of them may begin in a second.
	PerSecond float64 `yaml:"per_second,omitempty" koanf:"per_second"`
}

// ExecutorLimits are the caps of one executor; zero means the default.
type ExecutorLimits struct {
	MaxParallel int `yaml:"max_parallel,omitempty" koanf:"max_parallel"`
	// PerSecond is how many calls may begin in a second; any number where it
	// is zero.
	PerSecond   float64       `yaml:"per_second,omitempty" koanf:"per_second"`
	Timeout     time.Duration `yaml:"timeout,omitempty" koanf:"timeout"`
	OutputBytes int64         `yaml:"output_bytes,omitempty" koanf:"output_bytes"`
}

// Breaker says when a destination that can't be reached is left alone for a
// while, so that calls to it fail at once.
type Breaker struct {
	// Failures is how many attempts to connect must fail in a row; 10 by default.
	Failures int `yaml:"failures,omitempty" koanf:"failures"`
	// Longest is for how long it is left alone at most; 30 s by default. At
	// first it is a second, which each attempt that fails again doubles.
	Longest time.Duration `yaml:"longest,omitempty" koanf:"longest"`
	// Off has every destination dialled, always.
	Off bool `yaml:"off,omitempty" koanf:"off"`
}

// Audit is where the audit trail goes.
type Audit struct {
	// Path of the file; none is written where it is empty.
	Path string `yaml:"path,omitempty" koanf:"path"`
	// Off turns the trail off, also where the program has a default path.
	Off bool `yaml:"off,omitempty" koanf:"off"`
	// MaxBytes is the size at which the file is rotated; 10 MiB by default.
	MaxBytes int64 `yaml:"max_bytes,omitempty" koanf:"max_bytes"`
	// Keep is how many rotated files are kept; 3 by default.
	Keep int `yaml:"keep,omitempty" koanf:"keep"`
}
