package schema

// check answers for the keywords of objects.
func (r *objectRules) check(v map[string]any) Answer {
	if len(v) < r.least || r.most >= 0 && len(v) > r.most {
		return No
	}
	for _, name := range r.required {
		if _, ok := v[name]; !ok {
			return No
		}
	}
	answer := Yes
	for name, value := range v {
		if answer = min(answer, r.member(name, value)); answer == No {
			return No
		}
	}
	if r.dependentRequired == nil && r.dependentSchemas == nil {
		return answer
	}
	for name, needed := range r.dependentRequired {
		if _, ok := v[name]; !ok {
			continue
		}
		for _, other := range needed {
			if _, ok := v[other]; !ok {
				return No
			}
		}
	}
	for name, node := range r.dependentSchemas {
		if _, ok := v[name]; ok {
			answer = min(answer, node.check(v))
		}
	}
	return answer
}

// member answers for one key and its value.
func (r *objectRules) member(name string, value any) Answer {
	answer, named := Yes, false
	if property, ok := r.properties[name]; ok {
		answer, named = property.check(value), true
	}
	for i := range r.patterns {
		if r.patterns[i].form.MatchString(name) {
			answer, named = min(answer, r.patterns[i].node.check(value)), true
		}
	}
	if !named && r.additional != nil {
		answer = r.additional.check(value)
	}
	if r.names != nil {
		answer = min(answer, r.names.check(name))
	}
	return answer
}

// check answers for the keywords of arrays.
func (r *arrayRules) check(v []any) Answer {
	if len(v) < r.least || r.most >= 0 && len(v) > r.most {
		return No
	}
	answer := Yes
	for i, element := range v {
		switch {
		case i < len(r.prefix):
			answer = min(answer, r.prefix[i].check(element))
		case r.items != nil:
			answer = min(answer, r.items.check(element))
		}
		if answer == No {
			return No
		}
	}
	if r.unique {
		answer = min(answer, distinct(v))
	}
	if r.contains != nil {
		answer = min(answer, r.contained(v))
	}
	return answer
}

func (r *arrayRules) contained(v []any) Answer {
	fits, may := 0, 0
	for _, element := range v {
		switch r.contains.check(element) {
		case Yes:
			fits++
		case Maybe:
			may++
		}
	}
	return counted(fits, may, r.leastContain, r.mostFound)
}

// counted answers for contains: fits elements are accepted, may perhaps are.
func counted(fits, may, least, most int) Answer {
	switch {
	case fits+may < least || most >= 0 && fits > most:
		return No
	case fits >= least && (most < 0 || fits+may <= most):
		return Yes
	}
	return Maybe
}

// distinct answers whether no two elements are equal.
func distinct(v []any) Answer {
	answer := Yes
	if len(v) <= 16 {
		for i := range v {
			for j := range i {
				if answer = min(answer, Equal(v[i], v[j]).not()); answer == No {
					return No
				}
			}
		}
		return answer
	}
	seen := make(map[string]struct{}, len(v))
	var key []byte
	for _, element := range v {
		if holes(element) {
			answer = Maybe
			continue
		}
		key = appendKey(key[:0], element)
		if _, ok := seen[string(key)]; ok {
			return No
		}
		seen[string(key)] = struct{}{}
	}
	return answer
}
