package policy

// Know redacts a value from now on that is secret without standing in the
// policy, such as the key of a model's endpoint. Values too short to be told
// from ordinary text are left alone.
func (p *Policy) Know(name, value string) {
	if len(value) >= minSecret {
		p.redactor.know(name, value)
	}
}
