package strictjson

// manyKeys is the number of keys from which a map finds one faster than a
// look at each.
const manyKeys = 24

// skipArray reads the rest of an array that is only checked.
func (p *parser) skipArray() {
	if p.peek() == ']' {
		p.at++
		return
	}
	for {
		p.value()
		if !p.more(']', "',' or ']'") {
			return
		}
	}
}

// skipObject reads the rest of an object that is only checked. Its keys are
// on a stack that all objects of the text share.
func (p *parser) skipObject() {
	if p.peek() == '}' {
		p.at++
		return
	}
	first := len(p.keys)
	defer func() { p.keys = p.keys[:first] }()
	var seen map[string]struct{}
	for {
		at := p.at
		key, ok := p.key()
		if !ok {
			return
		}
		if len(p.keys)-first == manyKeys && seen == nil {
			seen = make(map[string]struct{}, 4*manyKeys)
			for _, each := range p.keys[first:] {
				seen[each] = struct{}{}
			}
		}
		if p.repeats(seen, first, key) {
			p.fail(at, "key %s is there twice", short(key))
			return
		}
		p.value()
		if !p.more('}', "',' or '}'") {
			return
		}
	}
}

// repeats notes a key of the object whose keys begin at first, and reports
// whether it had it before. With many keys they are in seen.
func (p *parser) repeats(seen map[string]struct{}, first int, key string) bool {
	if seen != nil {
		size := len(seen)
		seen[key] = struct{}{}
		return len(seen) == size
	}
	for _, each := range p.keys[first:] {
		if each == key {
			return true
		}
	}
	p.keys = append(p.keys, key)
	return false
}

// more steps over what stands behind an element, and reports whether another
// one follows.
func (p *parser) more(end byte, wanted string) bool {
	p.space()
	switch p.peek() {
	case ',':
		p.at++
		p.space()
		return true
	case end:
		p.at++
	default:
		p.unexpected(wanted)
	}
	return false
}
