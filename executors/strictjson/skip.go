package strictjson

// manyKeys is the number of keys from which a map is faster than comparing
// each.
const manyKeys = 24

// skipArray checks the rest of an array.
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

// skipObject checks the rest of an object. The keys of all open objects are on
// one stack.
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
			p.fail(at, "key %s appears twice", short(key))
			return
		}
		p.value()
		if !p.more('}', "',' or '}'") {
			return
		}
	}
}

// repeats records a key of the object whose keys begin at first, and reports
// whether the object had it before. Many keys are in seen.
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

// more steps over the separator after an element, and reports whether another
// element follows.
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
