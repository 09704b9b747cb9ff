package policy

// Know redacts from now on a secret that is not part of the policy, such as the
// key of a model's endpoint. It ignores values that are too short to tell from
// ordinary text.
func (p *Policy) Know(name, value string) {
	if len(value) >= minSecret {
		p.redactor.know(name, value)
	}
}
