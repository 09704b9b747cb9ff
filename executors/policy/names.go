package policy

import "slices"

// RootNames returns the sorted names of the roots, or only of those whose files
// may be written. With read_only no root may be written.
func (p *Policy) RootNames(write bool) []string {
	var names []string
	for _, r := range p.roots {
		if !write || r.write && !p.config.ReadOnly {
			names = append(names, r.name)
		}
	}
	return names
}

// ProgramNames returns the sorted names of the programs that may be started.
func (p *Policy) ProgramNames() []string {
	names := make([]string, len(p.programs))
	for i, prog := range p.programs {
		names[i] = prog.name
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// SecretNamesFor returns the sorted names of the secrets that an executor may use,
// set or not. sends means that its calls may go to hosts, stays that they may go
// to none. Which hosts, only Secret checks.
func (p *Policy) SecretNamesFor(executor string, sends, stays bool) []string {
	return slices.DeleteFunc(p.SecretNames(), func(name string) bool {
		s := p.config.Secrets[name]
		if len(s.Executors) > 0 && !slices.Contains(s.Executors, executor) {
			return true
		}
		if len(s.Hosts) > 0 {
			return !sends
		}
		return !stays
	})
}

// SecretHosts returns the hosts that a secret is bound to.
func (p *Policy) SecretHosts(name string) []string { return slices.Clone(p.config.Secrets[name].Hosts) }

// SecretBoundTo reports whether a secret is bound to an executor by its id.
func (p *Policy) SecretBoundTo(name, executor string) bool {
	return slices.Contains(p.config.Secrets[name].Executors, executor)
}

// SSHHosts returns the sorted hosts for SSH: connections and names of hosts.
func (p *Policy) SSHHosts() []string { return sorted(p.config.SSH.Hosts) }

// DockerImages returns the sorted images that containers may run.
func (p *Policy) DockerImages() []string { return sorted(p.config.Docker.Images) }

// LocalHosts returns the sorted addresses that are allowed in addition to public
// ones, as configured.
func (p *Policy) LocalHosts() []string { return sorted(p.config.Network.Allow) }

func sorted(names []string) []string { return slices.Compact(slices.Sorted(slices.Values(names))) }
