package jq

import (
	"strings"
	"sync"
)

// cacheSize is the largest number of compiled programs that are kept.
const cacheSize = 512

// compiled caches programs by their text. Compiling costs far more than a
// short run, and the same few programs are used again and again.
var compiled = cache{programs: map[string]*Program{}}

type cache struct {
	mu       sync.Mutex
	programs map[string]*Program
}

func (c *cache) get(src string, names []string) (*Program, error) {
	key := strings.Join(names, ",") + "\x00" + src
	c.mu.Lock()
	program := c.programs[key]
	c.mu.Unlock()
	if program != nil {
		return program, nil
	}
	program, err := compile(src, names)
	// gojq keeps every regular expression that a program has used. A program
	// that computes them would grow with each run.
	if err != nil || program.dynamic {
		return program, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.programs) >= cacheSize {
		for old := range c.programs { // any one: the order of a map is random enough
			delete(c.programs, old)
			break
		}
	}
	c.programs[key] = program
	return program, nil
}
