package system

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
	"time"
)

// controlGroup reads the limits of this process from Linux control groups,
// version 1 or 2. The zero value has no limits.
type controlGroup struct {
	root fs.FS // the machine's, from /
	// groups are folders by controller, from the process's own group up to
	// the outermost visible one. The limits of each apply.
	groups map[string][]string
	second bool
}

type memoryLimit struct{ bytes, used uint64 }

type cpuLimit struct {
	cores float64
	used  func() (time.Duration, error)
}

const mounted = "sys/fs/cgroup"

// readGroup finds the groups of this process. In a container the path may
// start at the machine's own root, which is not visible; the visible part of
// it is used.
func readGroup(root fs.FS) controlGroup {
	g := controlGroup{root: root, groups: map[string][]string{}}
	text, err := fs.ReadFile(root, "proc/self/cgroup")
	if err != nil {
		return g
	}
	_, err = fs.Stat(root, mounted+"/cgroup.controllers")
	g.second = err == nil
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		parts := strings.SplitN(lines.Text(), ":", 3)
		if len(parts) != 3 {
			continue
		}
		if g.second && parts[1] == "" {
			g.groups[""] = g.upwards(mounted, parts[2])
		}
		if !g.second && parts[1] != "" {
			for controller := range strings.SplitSeq(parts[1], ",") {
				g.groups[controller] = g.upwards(path.Join(mounted, controller), parts[2])
			}
		}
	}
	return g
}

func (g controlGroup) upwards(base, own string) []string {
	var folders []string
	for at := path.Clean("/" + own); ; at = path.Dir(at) {
		if folder := path.Join(base, at); g.has(folder) {
			folders = append(folders, folder)
		}
		if at == "/" {
			return folders
		}
	}
}

func (g controlGroup) has(folder string) bool {
	info, err := fs.Stat(g.root, folder)
	return err == nil && info.IsDir()
}

func (g controlGroup) folders(controller string) []string {
	if g.second {
		controller = ""
	}
	return g.groups[controller]
}

// memory returns the lowest limit and its use in bytes. As in container
// engines, file pages that the kernel can drop at once do not count as used.
func (g controlGroup) memory() (limit memoryLimit, ok bool) {
	limitFile, usedFile, inactive := "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"
	if g.second {
		limitFile, usedFile, inactive = "memory.max", "memory.current", "inactive_file"
	}
	for _, folder := range g.folders("memory") {
		most, err := g.number(folder, limitFile)
		if err != nil || ok && most >= limit.bytes {
			continue
		}
		used, err := g.number(folder, usedFile)
		if err != nil {
			continue
		}
		cached, _ := g.keyed(folder, "memory.stat", inactive)
		limit, ok = memoryLimit{bytes: most, used: used - min(cached, used)}, true
	}
	return limit, ok
}

// cpu returns the lowest limit in cores.
func (g controlGroup) cpu() (limit cpuLimit, ok bool) {
	for _, folder := range g.folders("cpu") {
		quota, period, err := g.quota(folder)
		if err != nil || period == 0 {
			continue
		}
		cores := float64(quota) / float64(period)
		if cores > 0 && (!ok || cores < limit.cores) {
			limit, ok = cpuLimit{cores: cores, used: func() (time.Duration, error) { return g.cpuTime(folder) }}, true
		}
	}
	return limit, ok
}

func (g controlGroup) quota(folder string) (quota, period uint64, err error) {
	if !g.second {
		if quota, err = g.number(folder, "cpu.cfs_quota_us"); err != nil {
			return 0, 0, err
		}
		period, err = g.number(folder, "cpu.cfs_period_us")
		return quota, period, err
	}
	text, err := fs.ReadFile(g.root, path.Join(folder, "cpu.max"))
	if err != nil {
		return 0, 0, err
	}
	first, second, _ := strings.Cut(strings.TrimSpace(string(text)), " ")
	if quota, err = strconv.ParseUint(first, 10, 64); err != nil {
		return 0, 0, err // "max" is no limit
	}
	period, err = strconv.ParseUint(second, 10, 64)
	return quota, period, err
}

func (g controlGroup) cpuTime(folder string) (time.Duration, error) {
	if g.second {
		used, err := g.keyed(folder, "cpu.stat", "usage_usec")
		return time.Duration(used) * time.Microsecond, err
	}
	// Version 1 accounts time in a separate tree, usually mounted together with
	// the tree of the limits.
	own := strings.TrimPrefix(folder, path.Join(mounted, "cpu"))
	used, err := g.number(path.Join(mounted, "cpuacct", own), "cpuacct.usage")
	return time.Duration(used), err
}

func (g controlGroup) number(folder, name string) (uint64, error) {
	text, err := fs.ReadFile(g.root, path.Join(folder, name))
	if err != nil {
		return 0, err
	}
	return strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64)
}

var errNoKey = errors.New("no such key")

func (g controlGroup) keyed(folder, name, key string) (uint64, error) {
	text, err := fs.ReadFile(g.root, path.Join(folder, name))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if value, found := strings.CutPrefix(line, key+" "); found {
			return strconv.ParseUint(strings.TrimSpace(value), 10, 64)
		}
	}
	return 0, fmt.Errorf("%s/%s: %w: %s", folder, name, errNoKey, key)
}
