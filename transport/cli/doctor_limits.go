package cli

import (
	"fmt"
	"time"

	"github.com/chainwright/chainwright/transport/internal/http"
	"github.com/chainwright/chainwright/transport/internal/stdio"
)

// tellLimits prints the limits that callers share, and returns a problem if the
// kept audit trail has little room.
func tellLimits(s *session, p *program) (problems []string) {
	pol := p.registry.Policy()
	t := table{}
	t.add("  requests over HTTP", http.Budget())
	t.add("  requests on stdio", stdio.Budget())
	kept := "off"
	trail, on := pol.AuditKept()
	if on {
		kept = fmt.Sprintf("%.1f of %d MiB are used; a line stays for at least %d days; without room, calls that change something are refused",
			float64(trail.Used)/(1<<20), trail.Most>>20, trail.Retain/(24*time.Hour))
	}
	t.add("  kept audit trail", kept)
	fmt.Fprintln(s.out, "\nshared limits:")
	_ = t.write(s.out)
	if trail.Full {
		problems = append(problems, "the kept audit trail has room for one more file, then calls that change something are refused: move the files audit.kept.jsonl.* out of the folder of policy.audit.path")
	}
	return problems
}

// tellDatabases prints the rule for the accounts of databases. Doctor does not
// connect to them: an unapproved file may name them, and the server may be away.
func tellDatabases(s *session, p *program) {
	if names := p.registry.Policy().Connections("postgres", "mysql"); len(names) > 0 {
		fmt.Fprintf(s.out, "\ndatabases: %s\n  doctor does not connect. In read mode, the first call on a connection checks the account and refuses one\n"+
			"  that can do more than a read-only transaction prevents: see Databases in docs/security.md\n", listed(names))
		if len(p.registry.Policy().Connections("postgres")) > 0 {
			fmt.Fprintln(s.out, "  PostgreSQL lets a role end its own sessions: give connections that read a role that no application uses")
		}
	}
}
