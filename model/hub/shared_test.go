package hub

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"agar/model/hub/hubtest"
)

// snapshotDownload calls huggingface_hub on the hub h with the cache at home.
func snapshotDownload(t *testing.T, h *hubtest.Hub, home, args string) string {
	t.Helper()
	oracles := os.Getenv("AGAR_ORACLES")
	if oracles == "" {
		t.Skip("AGAR_ORACLES is not set")
	}
	c := exec.Command(filepath.Join(oracles, "bin", "python"), "-c",
		`from huggingface_hub import snapshot_download; print(snapshot_download("org/tiny", allow_patterns=["*.json", "*.safetensors"]`+args+`))`)
	c.Env = append(os.Environ(), "HF_HOME="+home, "HF_ENDPOINT="+h.URL, "HF_HUB_DISABLE_XET=1", "HF_HUB_DISABLE_PROGRESS_BARS=1", "HF_HUB_DISABLE_TELEMETRY=1", "HF_HUB_OFFLINE=0")
	var stderr strings.Builder
	c.Stderr = &stderr
	out, err := c.Output()
	if err != nil {
		t.Fatalf("huggingface_hub: %v\n%s", err, stderr.String())
	}
	return strings.TrimSpace(string(out))
}

// TestPythonFindsOurs: what agar pulled, huggingface_hub finds without a network.
func TestPythonFindsOurs(t *testing.T) {
	h := hubtest.New(t, tinyModel(), "model.safetensors")
	o, home := options(t, h), t.TempDir()
	o.Cache = filepath.Join(home, "hub")
	p := pull(t, h, o)
	if got := snapshotDownload(t, h, home, ", local_files_only=True"); got != p.Path {
		t.Errorf("huggingface_hub finds %s, expected %s", got, p.Path)
	}
	before := h.Count()
	if got := snapshotDownload(t, h, home, ""); got != p.Path || h.Count() != before {
		t.Errorf("huggingface_hub fetched %d contents again into %s", h.Count()-before, got)
	}
}

// TestOursFindsPythons: what huggingface_hub downloaded is not fetched again.
func TestOursFindsPythons(t *testing.T) {
	h := hubtest.New(t, tinyModel(), "model.safetensors")
	o, home := options(t, h), t.TempDir()
	o.Cache = filepath.Join(home, "hub")
	dir := snapshotDownload(t, h, home, "")
	before := h.Count()
	p := pull(t, h, o)
	if p.Path != dir || p.Downloaded != 0 || h.Count() != before {
		t.Errorf("%+v and %d more requests, expected %s as it was", p, h.Count()-before, dir)
	}
}
