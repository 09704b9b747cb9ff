package jq

import (
	"unicode/utf8"

	"github.com/itchyny/gojq"
)

// reach checks an index of v. An assignment fills the array up to the index. An
// index that is an array is searched for at each position.
func reach(w *watch, v, key any) error {
	switch key.(type) {
	case string, nil, bool:
		return nil
	case []any:
		return product(w, v, key)
	case map[string]any:
		return nil // a slice: {"start": 1, "end": 2}
	}
	n, _ := gojq.ToInt(key)
	list, _ := v.([]any)
	if v != nil && list == nil || n < len(list) {
		return nil
	}
	if n > maxArray {
		return tooLarge("an index is larger than %d", maxArray)
	}
	return w.charge(nodeUnits * (n - len(list)))
}

// path checks a path into v, step by step.
func path(w *watch, v, p any) error {
	steps, _ := p.([]any)
	if len(steps) > maxDepth {
		return tooLarge("a path is longer than %d", maxDepth)
	}
	for _, step := range steps {
		if err := reach(w, v, step); err != nil {
			return err
		}
		v = part(v, step)
	}
	return nil
}

// part returns what is at a step of a path, nil if there is nothing.
func part(v, step any) any {
	switch v := v.(type) {
	case map[string]any:
		key, _ := step.(string)
		return v[key]
	case []any:
		if _, slice := step.(map[string]any); slice {
			return v
		}
		n, ok := gojq.ToInt(step)
		if n < 0 {
			n += len(v)
		}
		if ok && n >= 0 && n < len(v) {
			return v[n]
		}
	}
	return nil
}

// found returns the positions of a text in another, in characters, as gojq's
// indices does, but in time that grows with the length only (Knuth, Morris and
// Pratt).
func found(w *watch, v, x any) any {
	s, _ := v.(string)
	part, _ := x.(string)
	if err := w.charge((len(s) + len(part)) >> 1); err != nil {
		return err
	}
	positions := []any{}
	if part == "" || len(part) > len(s) {
		return positions
	}
	border, length := borders(part), utf8.RuneCountInString(part)
	matched, runes := 0, 0
	for i := range len(s) {
		for matched > 0 && (matched == len(part) || part[matched] != s[i]) {
			matched = int(border[matched-1])
		}
		if part[matched] == s[i] {
			matched++
		}
		if utf8.RuneStart(s[i]) {
			runes++
		}
		if matched == len(part) {
			if len(positions) == maxArray {
				return tooLarge("a text is found more than %d times", maxArray)
			}
			positions = append(positions, runes-length)
		}
	}
	return positions
}

// borders returns for each position how long the longest proper prefix is that
// ends there.
func borders(part string) []int32 {
	border := make([]int32, len(part))
	for i, n := 1, 0; i < len(part); i++ {
		for n > 0 && part[i] != part[n] {
			n = int(border[n-1])
		}
		if part[i] == part[n] {
			n++
		}
		border[i] = int32(n) //nolint:gosec // at most maxString
	}
	return border
}
