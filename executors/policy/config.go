package policy

import "time"

// Config is the policy section of the configuration file. The zero value allows
// nothing that needs permission.
type Config struct {
	// ReadOnly allows only calls that change nothing, whatever else is set.
	ReadOnly bool `yaml:"read_only,omitempty"`
	// RetryUnsafe lets trees repeat calls that are not safe to repeat, with
	// retry.unsafe.
	RetryUnsafe bool `yaml:"retry_unsafe,omitempty"`
	// Approvals say how the questions of tasks may be answered.
	Approvals Approvals `yaml:"approvals,omitempty"`
	// Confirm says when the user is asked before a call. The default is
	// ConfirmNever.
	Confirm     string                `yaml:"confirm,omitempty"`
	Command     Command               `yaml:"command,omitempty"`
	Files       Files                 `yaml:"files,omitempty"`
	Network     Network               `yaml:"network,omitempty"`
	SSH         SSH                   `yaml:"ssh,omitempty"`
	Docker      Docker                `yaml:"docker,omitempty"`
	Databases   Databases             `yaml:"databases,omitempty"`
	Connections map[string]Connection `yaml:"connections,omitempty"`
	Secrets     map[string]Secret     `yaml:"secrets,omitempty"`
	// OAuthClients get the tokens of secrets and connections that name them.
	OAuthClients map[string]OAuthClient `yaml:"oauth_clients,omitempty"`
	Limits       Limits                 `yaml:"limits,omitempty"`
	Breaker      Breaker                `yaml:"breaker,omitempty"`
	Audit        Audit                  `yaml:"audit,omitempty"`
}

// Approvals open further ways to answer the questions of tasks.
type Approvals struct {
	// Tool publishes the tool answer_run, for principals other than the one that
	// started the run.
	Tool bool `yaml:"tool,omitempty"`
}

// Command allows programs, for command_executor and for MCP servers over stdio.
type Command struct {
	// Shell allows commands as one string for the machine's shell. The other
	// rules of this section then protect nothing.
	Shell    bool      `yaml:"shell,omitempty"`
	Programs []Program `yaml:"programs,omitempty"`
}

// Program is a program that may be started.
type Program struct {
	// Name is how callers name it. The default is the path's last element.
	Name string `yaml:"name,omitempty"`
	// Path is absolute or starts with ~/.
	Path string `yaml:"path"`
	// Args are regular expressions. Each argument must match at least one of
	// them. An empty list allows all arguments.
	Args []string `yaml:"args,omitempty"`
	// Env names the variables that callers may set. All others are refused,
	// because programs read options and code from variables.
	Env []string `yaml:"env,omitempty"`
}

// Files allows folders, by name.
type Files struct {
	Roots map[string]Root `yaml:"roots,omitempty"`
}

// Root is a folder whose files may be read and, with Write, changed.
type Root struct {
	Path  string `yaml:"path"`
	Write bool   `yaml:"write,omitempty"`
}

// Network allows addresses that are refused by default: loopback, private,
// link-local and reserved ones.
type Network struct {
	// Allow lists addresses, host names and networks (10.0.0.0/8). Addresses and
	// host names may have a port; then only that port is allowed.
	Allow []string `yaml:"allow,omitempty"`
}

// SSH allows hosts, by address or by the name of a connection of kind ssh.
type SSH struct {
	Hosts []string `yaml:"hosts,omitempty"`
}

// Docker allows images, each written as callers must name it.
type Docker struct {
	Images []string `yaml:"images,omitempty"`
	// Network allows containers on the engine's bridge network, where the
	// policy does not check which addresses they reach.
	Network bool `yaml:"network,omitempty"`
	// Host is the engine's address, such as unix:///run/docker.sock. The default
	// is DOCKER_HOST, else the system's usual address.
	Host string `yaml:"host,omitempty"`
}

// Databases allows more than the named connections.
type Databases struct {
	// CallerDSN lets callers use any database, by a DSN of their own.
	CallerDSN bool `yaml:"caller_dsn,omitempty"`
}

// Connection is an endpoint that the operator trusts. Callers use its name.
type Connection struct {
	// Kind is sqlite, postgres, mysql, ssh, smtp, grpc or mcp.
	Kind string `yaml:"kind"`
	// DSN is a database's DSN. DSNEnv names the variable that holds it.
	DSN    string `yaml:"dsn,omitempty"`
	DSNEnv string `yaml:"dsn_env,omitempty"`
	// Write allows changes.
	Write bool   `yaml:"write,omitempty"`
	Host  string `yaml:"host,omitempty"`
	Port  int    `yaml:"port,omitempty"`
	User  string `yaml:"user,omitempty"`
	// PasswordEnv names the variable that holds the password, PasswordFile the
	// file.
	PasswordEnv  string `yaml:"password_env,omitempty"`
	PasswordFile string `yaml:"password_file,omitempty"`
	KeyFile      string `yaml:"key_file,omitempty"`
	// PassphraseEnv names the variable with the key file's passphrase.
	PassphraseEnv string `yaml:"passphrase_env,omitempty"`
	KnownHosts    string `yaml:"known_hosts,omitempty"`
	// Jump names a connection of kind ssh to connect through.
	Jump string `yaml:"jump,omitempty"`
	// TLS is starttls (the default), tls or none for smtp, and tls (the default)
	// or none for grpc.
	TLS string `yaml:"tls,omitempty"`
	// From is the sender's address, for smtp.
	From string `yaml:"from,omitempty"`
	// URL is the address of a server of kind mcp.
	URL string `yaml:"url,omitempty"`
	// CAFile holds the CA certificates for a server of kind grpc or mcp. The
	// default is the machine's.
	CAFile string `yaml:"ca_file,omitempty"`
	// TokenEnv names the variable that holds the bearer token for grpc and mcp,
	// TokenFile the file.
	TokenEnv  string `yaml:"token_env,omitempty"`
	TokenFile string `yaml:"token_file,omitempty"`
	// OAuth names the client of OAuthClients that gets the bearer token for grpc and
	// mcp.
	OAuth string `yaml:"oauth,omitempty"`
	// HeadersEnv maps headers (metadata) of grpc and mcp to the variables that
	// hold their values.
	HeadersEnv map[string]string `yaml:"headers_env,omitempty"`
	// AllowShort accepts tokens and headers of 4 to 7 bytes, and redacts passwords
	// of that length. Callers can find such values by guessing.
	AllowShort bool `yaml:"allow_short,omitempty"`
}

// Secret is a value that callers may name but can't read. It is bound to hosts,
// to executors or to both.
type Secret struct {
	// Env names the variable that holds the value, File the file.
	Env  string `yaml:"env,omitempty"`
	File string `yaml:"file,omitempty"`
	// OAuth names the client of OAuthClients whose token is the value.
	OAuth string `yaml:"oauth,omitempty"`
	// Hosts lists where it may be sent, such as "api.github.com",
	// "*.example.com" and "127.0.0.1:8081". An entry allows encrypted connections
	// to hosts that prove their name. Without encryption it must name a port of
	// this machine or the scheme: "http://10.0.0.5:8080". If Hosts is empty, only
	// calls that go to no host may use the secret.
	Hosts []string `yaml:"hosts,omitempty"`
	// Executors lists who may use it. If it is empty, every executor that calls
	// one of its hosts may.
	Executors []string `yaml:"executors,omitempty"`
	// AllowShort accepts a value of 4 to 7 bytes. Callers can find it by guessing.
	AllowShort bool `yaml:"allow_short,omitempty"`
}

// Limits are upper limits. Zero means the default.
type Limits struct {
	// OutputBytes limits the output of one call; 10 MiB by default.
	OutputBytes int64 `yaml:"output_bytes,omitempty"`
	// FileBytes limits what is read from or written to one file; 10 MiB by default.
	FileBytes int64 `yaml:"file_bytes,omitempty"`
	// MaxParallel limits the tasks in flight in the process.
	MaxParallel int `yaml:"max_parallel,omitempty"`
	// MaxLive limits the runs in progress in the process; 1,000 by default. Others
	// are queued: MaxQueued limits those; 20,000 by default.
	MaxLive   int `yaml:"max_live,omitempty"`
	MaxQueued int `yaml:"max_queued,omitempty"`
	// Principal limits each principal.
	Principal PrincipalLimits `yaml:"principal,omitempty"`
	// Executors limits single executors, by id.
	Executors map[string]ExecutorLimits `yaml:"executors,omitempty"`
}

// PrincipalLimits limit the work of one principal. Zero means no limit. All
// callers without a token are one principal.
type PrincipalLimits struct {
	// MaxParallel limits its tasks and calls in flight.
	MaxParallel int `yaml:"max_parallel,omitempty"`
	// PerSecond is how many of them may start in a second.
	PerSecond float64 `yaml:"per_second,omitempty"`
	// MaxQueued limits its runs that wait to begin.
	MaxQueued int `yaml:"max_queued,omitempty"`
}

// ExecutorLimits limit one executor. Zero means the default.
type ExecutorLimits struct {
	MaxParallel int `yaml:"max_parallel,omitempty"`
	// PerSecond is how many calls may start in a second. Zero means no limit.
	PerSecond   float64       `yaml:"per_second,omitempty"`
	Timeout     time.Duration `yaml:"timeout,omitempty"`
	OutputBytes int64         `yaml:"output_bytes,omitempty"`
}

// Breaker sets the circuit breaker: after failed connects to a destination,
// calls to it fail at once for a while.
type Breaker struct {
	// Failures is how many connects must fail in a row; 10 by default.
	Failures int `yaml:"failures,omitempty"`
	// Longest is the longest pause; 30 s by default. The first pause is one
	// second, and each failed attempt after a pause doubles it.
	Longest time.Duration `yaml:"longest,omitempty"`
	// Off turns the circuit breaker off.
	Off bool `yaml:"off,omitempty"`
}

// Audit sets where the audit trail is written.
type Audit struct {
	// Path is the file. If it is empty, no trail is written.
	Path string `yaml:"path,omitempty"`
	// Off turns the trail off, even if the program has a default path.
	Off bool `yaml:"off,omitempty"`
	// MaxBytes is the size at which the file is rotated; 10 MiB by default.
	MaxBytes int64 `yaml:"max_bytes,omitempty"`
	// Keep is how many rotated files are kept; 3 by default.
	Keep int `yaml:"keep,omitempty"`
}
