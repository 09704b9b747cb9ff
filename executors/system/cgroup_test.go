package system

import (
	"testing"
	"testing/fstest"
	"time"
)

func machineOf(extra map[string]string) fstest.MapFS {
	m := fstest.MapFS{}
	for name, text := range extra {
		m[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return m
}

func TestControlGroupLimits(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name        string
		files       map[string]string
		bytes, used uint64 // 0 bytes: no limit
		cores       float64
		cpuTime     time.Duration
	}{
		{name: "no control groups", files: map[string]string{"proc/meminfo": "x"}},
		{
			name: "version 2, in the root of a container",
			files: map[string]string{
				"proc/self/cgroup":                 "0::/\n",
				"sys/fs/cgroup/cgroup.controllers": "cpu memory\n",
				"sys/fs/cgroup/memory.max":         "1073741824\n",
				"sys/fs/cgroup/memory.current":     "600000000\n",
				"sys/fs/cgroup/memory.stat":        "anon 1\nactive_file 7\ninactive_file 100000000\n",
				"sys/fs/cgroup/cpu.max":            "150000 100000\n",
				"sys/fs/cgroup/cpu.stat":           "usage_usec 2500000\nuser_usec 1\n",
			},
			bytes: 1 << 30, used: 500000000, cores: 1.5, cpuTime: 2500 * time.Millisecond,
		},
		{
			name: "version 2, the parent's limit is tighter",
			files: map[string]string{
				"proc/self/cgroup":                       "0::/kube/pod\n",
				"sys/fs/cgroup/cgroup.controllers":       "cpu memory\n",
				"sys/fs/cgroup/kube/memory.max":          "2000\n",
				"sys/fs/cgroup/kube/memory.current":      "900\n",
				"sys/fs/cgroup/kube/cpu.max":             "50000 100000\n",
				"sys/fs/cgroup/kube/cpu.stat":            "usage_usec 9\n",
				"sys/fs/cgroup/kube/pod/memory.max":      "5000\n",
				"sys/fs/cgroup/kube/pod/memory.current":  "800\n",
				"sys/fs/cgroup/kube/pod/cpu.max":         "max 100000\n",
				"sys/fs/cgroup/kube/pod/cgroup.procs":    "1\n",
				"sys/fs/cgroup/kube/other/memory.max":    "1\n",
				"sys/fs/cgroup/kube/other/cgroup.events": "",
			},
			bytes: 2000, used: 900, cores: 0.5, cpuTime: 9 * time.Microsecond,
		},
		{
			name: "version 2, no limits",
			files: map[string]string{
				"proc/self/cgroup":                    "0::/user.slice\n",
				"sys/fs/cgroup/cgroup.controllers":    "cpu memory\n",
				"sys/fs/cgroup/user.slice/cpu.max":    "max 100000\n",
				"sys/fs/cgroup/user.slice/memory.max": "max\n",
			},
		},
		{
			name: "version 1, a path that can't be seen from inside",
			files: map[string]string{
				"proc/self/cgroup":                           "5:cpu,cpuacct:/docker/abc\n4:memory:/docker/abc\n",
				"sys/fs/cgroup/memory/memory.limit_in_bytes": "4096\n",
				"sys/fs/cgroup/memory/memory.usage_in_bytes": "1000\n",
				"sys/fs/cgroup/memory/memory.stat":           "inactive_file 1\ntotal_inactive_file 300\n",
				"sys/fs/cgroup/cpu/cpu.cfs_quota_us":         "200000\n",
				"sys/fs/cgroup/cpu/cpu.cfs_period_us":        "100000\n",
				"sys/fs/cgroup/cpuacct/cpuacct.usage":        "7000000\n",
			},
			bytes: 4096, used: 700, cores: 2, cpuTime: 7 * time.Millisecond,
		},
		{
			name: "version 1, no processor limit",
			files: map[string]string{
				"proc/self/cgroup":                      "5:cpu:/a\n",
				"sys/fs/cgroup/cpu/a/cpu.cfs_quota_us":  "-1\n",
				"sys/fs/cgroup/cpu/a/cpu.cfs_period_us": "100000\n",
			},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			group := readGroup(machineOf(c.files))
			limit, ok := group.memory()
			if ok != (c.bytes > 0) || limit.bytes != c.bytes || limit.used != c.used {
				t.Errorf("memory() = %+v, %v; want %d, %d", limit, ok, c.bytes, c.used)
			}
			cores, ok := group.cpu()
			if ok != (c.cores > 0) || cores.cores != c.cores {
				t.Fatalf("cpu() = %v, %v; want %v", cores.cores, ok, c.cores)
			}
			if !ok {
				return
			}
			if used, err := cores.used(); err != nil || used != c.cpuTime {
				t.Errorf("used() = %v, %v; want %v", used, err, c.cpuTime)
			}
		})
	}
}
