package jq

import (
	"strings"
	"sync"
)

// cacheSize is how many compiled programs are kept.
const cacheSize = 512

// compiled holds programs by their text. Compiling costs far more than a
// short run, and the same few programs come again and again.
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
	program, err := compile(src, names, nil)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.programs) >= cacheSize {
		for old := range c.programs { // any one: the map's order is as good as a clock here
			delete(c.programs, old)
			break
		}
	}
	c.programs[key] = program
	return program, nil
}
