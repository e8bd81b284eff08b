package server

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parley-chat/parley/internal/chat"
	"github.com/parley-chat/parley/internal/files"
)

func TestFilesConfig(t *testing.T) {
	good := FilesConfig{FileSize: 1}
	s := good
	s.Files, s.S3Key, s.S3Secret = "s3+http://h:9000/b/p/q/?region=r", "k", "s"
	if b, err := s.bucket(); err != nil || b.Endpoint != "http://h:9000" || b.Name != "b" ||
		b.Prefix != "p/q/" || b.Region != "r" || b.Key != "k" || b.Secret != "s" {
		t.Errorf("%+v, %v", b, err)
	}
	if d, place, err := good.Open(t.Context(), ""); d != nil || err != nil ||
		!strings.HasPrefix(place, "off.") {
		t.Errorf("on Redis: %v, %q, %v", d, place, err)
	}
	dir := filepath.Join(t.TempDir(), "f")
	s.Files, s.S3Key, s.S3Secret = dir, "", ""
	d, place, err := s.Open(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	if place = s.describe(d, place, true); !strings.HasPrefix(place, dir+", ") ||
		!strings.Contains(place, "share") {
		t.Errorf("on Redis: %q", place)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	blocked := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(blocked, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s.Files = blocked
	if wrong := (*SettingError)(nil); !errors.As(second(s.Open(t.Context(), "")), &wrong) ||
		wrong.Setting != "Files" {
		t.Errorf("a file as the directory: %v", wrong)
	}
}

func second(_ files.Blobs, _ string, err error) error { return err }

// TestFullDiskIsNoOutage is about what the log says.
func TestFullDiskIsNoOutage(t *testing.T) {
	if err := fmt.Errorf("%w: %w", chat.ErrUnavailable, files.ErrStorage); isAway(err) ||
		!isAway(chat.ErrUnavailable) {
		t.Error("a full place for files counts as an outage of the store, or the other way round")
	}
}
