package system

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/shirou/gopsutil/v4/disk"
)

type filesystem struct {
	Path         string  `json:"path"`
	Type         string  `json:"type"`
	TotalBytes   uint64  `json:"total_bytes"`
	UsedBytes    uint64  `json:"used_bytes"`
	FreeBytes    uint64  `json:"free_bytes"`
	UsagePercent float64 `json:"usage_percent"`
}

type disks struct {
	filesystem
	Filesystems []filesystem `json:"filesystems"`
}

// images are the file systems that are read-only and always full.
var images = []string{"squashfs", "iso9660", "udf", "erofs"}

func measureDisks(ctx context.Context) (*disks, error) {
	root := systemPath()
	main, err := measureFilesystem(ctx, root)
	if err != nil {
		return nil, err
	}
	d := &disks{filesystem: main, Filesystems: []filesystem{main}}
	// Network file systems are left out: one whose server is down would hang.
	partitions, err := disk.PartitionsWithContext(ctx, false)
	if err != nil && len(partitions) == 0 {
		return d, nil
	}
	// A device may be mounted in many places; only the shortest path is listed.
	slices.SortStableFunc(partitions, func(a, b disk.PartitionStat) int {
		return cmp.Compare(len(a.Mountpoint), len(b.Mountpoint))
	})
	seen := map[string]bool{}
	for _, p := range partitions {
		if p.Mountpoint == root {
			d.Type, d.Filesystems[0].Type = p.Fstype, p.Fstype
			seen[p.Device] = true
		}
		if seen[p.Device] || slices.Contains(images, p.Fstype) {
			continue
		}
		one, err := measureFilesystem(ctx, p.Mountpoint)
		if err != nil || one.TotalBytes == 0 {
			continue // an empty drive, or one that this user may not read
		}
		one.Type = p.Fstype // statfs can't tell ext4 from ext2
		seen[p.Device] = true
		d.Filesystems = append(d.Filesystems, one)
	}
	return d, nil
}

func measureFilesystem(ctx context.Context, path string) (filesystem, error) {
	usage, err := disk.UsageWithContext(ctx, path)
	if err != nil {
		return filesystem{}, fmt.Errorf("reading the file system at %s: %w", path, err)
	}
	return filesystem{
		Path: path, Type: usage.Fstype, TotalBytes: usage.Total, UsedBytes: usage.Used, FreeBytes: usage.Free,
		// Blocks reserved for root are neither used nor free.
		UsagePercent: percent(float64(usage.Used), float64(usage.Used+usage.Free)),
	}, nil
}

// systemPath returns the path of the operating system's own file system.
func systemPath() string {
	if drive := filepath.VolumeName(os.Getenv("SystemRoot")); drive != "" {
		return drive + `\`
	}
	return string(filepath.Separator)
}
