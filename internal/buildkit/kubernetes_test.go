package buildkit_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"strix-build/internal/buildkit"
)

// manifest is what the test looks at of ci/kubernetes/buildkit.yaml; no Kubernetes was at hand, and its types are many modules.
type manifest struct {
	Kind     string
	Metadata struct{ Name string }
	Data     map[string]string
	Spec     struct {
		ServiceName string
		ClusterIP   string
		Selector    any
		PodSelector selector
		Ports       []struct {
			Name       string
			Port       int
			TargetPort string
		}
		Template struct {
			Metadata struct{ Labels map[string]string }
			Spec     pod
		}
		VolumeClaimTemplates []struct{ Metadata struct{ Name string } }
	}
	Rules []struct{ Resources, Verbs []string }
}

type selector struct{ MatchLabels map[string]string }

type pod struct {
	Containers []struct {
		Image string
		Args  []string
		Ports []struct {
			Name          string
			ContainerPort int
		}
		ReadinessProbe, LivenessProbe, StartupProbe struct{ Exec struct{ Command []string } }
		Resources                                   struct{ Requests, Limits map[string]string }
		VolumeMounts                                []struct{ Name, MountPath string }
	}
	Volumes []struct {
		Name      string
		ConfigMap struct{ Name string }
		Secret    struct{ SecretName string }
	}
}

func manifests(t *testing.T) map[string]manifest {
	t.Helper()
	data, err := os.ReadFile("../../ci/kubernetes/buildkit.yaml")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]manifest{}
	for d := yaml.NewDecoder(bytes.NewReader(data)); ; {
		var doc any
		err := d.Decode(&doc)
		if errors.Is(err, io.EOF) {
			return out
		}
		var m manifest
		asJSON, jsonErr := json.Marshal(doc) // encoding/json takes names in any case
		if err = errors.Join(err, jsonErr, json.Unmarshal(asJSON, &m)); err != nil {
			t.Fatal(err)
		}
		if _, twice := out[m.Kind]; twice {
			t.Errorf("two of %s", m.Kind)
		}
		out[m.Kind] = m
	}
}

// TestKubernetesManifestFitsTogether: names that one object has of another are there, and the pod has what its configuration speaks of.
func TestKubernetesManifestFitsTogether(t *testing.T) {
	t.Parallel()
	all := manifests(t)
	set, service, policy := all["StatefulSet"], all["Service"], all["NetworkPolicy"]
	labels := fmt.Sprint(set.Spec.Template.Metadata.Labels)
	own, _ := set.Spec.Selector.(map[string]any)
	for what, got := range map[string]any{"StatefulSet": own["matchLabels"], "Service": service.Spec.Selector, "NetworkPolicy": policy.Spec.PodSelector.MatchLabels} {
		if fmt.Sprint(got) != labels {
			t.Errorf("%s selects %v, pods have %s", what, got, labels)
		}
	}
	if set.Spec.ServiceName != service.Metadata.Name || service.Spec.ClusterIP != "None" {
		t.Errorf("pods have no names of their own: %q, service %q with %q", set.Spec.ServiceName, service.Metadata.Name, service.Spec.ClusterIP)
	}
	c := set.Spec.Template.Spec.Containers[0]
	if c.Ports[0].Name != service.Spec.Ports[0].TargetPort || c.Ports[0].ContainerPort != service.Spec.Ports[0].Port {
		t.Errorf("ports %+v and %+v", c.Ports, service.Spec.Ports)
	}
	for name, p := range map[string][]string{"readiness": c.ReadinessProbe.Exec.Command, "liveness": c.LivenessProbe.Exec.Command, "startup": c.StartupProbe.Exec.Command} {
		if strings.Join(p, " ") != "buildctl debug workers" {
			t.Errorf("%s: %q", name, p)
		}
	}
	if c.Resources.Requests["cpu"] == "" || c.Resources.Limits["memory"] == "" {
		t.Errorf("resources %+v", c.Resources)
	}
	volumes := map[string]bool{}
	for _, v := range set.Spec.Template.Spec.Volumes {
		volumes[v.Name] = v.ConfigMap.Name == all["ConfigMap"].Metadata.Name || v.Secret.SecretName != ""
	}
	volumes[set.Spec.VolumeClaimTemplates[0].Metadata.Name] = true
	toml := all["ConfigMap"].Data["buildkitd.toml"]
	paths := []string{c.Args[1]}
	for _, m := range regexp.MustCompile(`(?m)^\s*(?:root|ca|cert|key) = "(.+)"$`).FindAllStringSubmatch(toml, -1) {
		paths = append(paths, m[1])
	}
	if len(paths) != 5 {
		t.Errorf("paths %q", paths)
	}
	for _, m := range c.VolumeMounts {
		if !volumes[m.Name] {
			t.Errorf("no volume %q", m.Name)
		}
		paths = slices.DeleteFunc(paths, func(p string) bool { return p == m.MountPath || strings.HasPrefix(p, m.MountPath+"/") })
	}
	if len(paths) != 0 {
		t.Errorf("on no volume: %q", paths)
	}
	if r := fmt.Sprint(all["Role"].Rules); r != "[{[pods] [get]} {[pods/exec] [create]}]" {
		t.Errorf("kube-pod needs pods/exec: %s", r)
	}
}

// TestKubernetesImageIsOfTheVersionThatIsTested: the one in the tools module.
func TestKubernetesImageIsOfTheVersionThatIsTested(t *testing.T) {
	t.Parallel()
	mod, err := os.ReadFile("../../ci/tools/go.mod")
	if err != nil {
		t.Fatal(err)
	}
	version := regexp.MustCompile(`github.com/moby/buildkit (v\S+)`).FindStringSubmatch(string(mod))
	image := manifests(t)["StatefulSet"].Spec.Template.Spec.Containers[0].Image
	if version == nil || image != "docker.io/moby/buildkit:"+version[1] {
		t.Errorf("image %s, tested is %q", image, version)
	}
}

// TestIntegrationKubernetesConfiguration starts a daemon with the configuration of the manifest: it can do what builds need, over
// TLS and over the socket that the probes use.
func TestIntegrationKubernetesConfiguration(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ca := issue(t, dir, "ca", nil)
	issue(t, dir, "server", ca)
	issue(t, dir, "client", ca)
	socket := filepath.Join(dir, "sock")
	toml := strings.NewReplacer(
		`"/var/lib/buildkit"`, fmt.Sprintf("%q", filepath.Join(dir, "root")),
		"unix:///run/buildkit/buildkitd.sock", "unix://"+socket, "tcp://0.0.0.0:1234", "tcp://127.0.0.1:0",
		"/certs/ca.pem", filepath.Join(dir, "ca-cert.pem"), "/certs/cert.pem", filepath.Join(dir, "server-cert.pem"), "/certs/key.pem", filepath.Join(dir, "server-key.pem"),
	).Replace(manifests(t)["ConfigMap"].Data["buildkitd.toml"])
	config := filepath.Join(dir, "buildkitd.toml")
	if err := os.WriteFile(config, []byte(toml), 0o600); err != nil {
		t.Fatal(err)
	}
	address := start(t, "--config", config, "--otel-socket-path", filepath.Join(dir, "otel.sock"))
	for _, a := range []string{
		fmt.Sprintf("%s?cacert=%[2]s/ca-cert.pem&cert=%[2]s/client-cert.pem&key=%[2]s/client-key.pem", address, dir), "unix://" + socket,
	} {
		b := connect(t, buildkit.Options{Address: a})
		if err := b.Require(buildkit.HostNetwork, buildkit.MergeDiff, buildkit.CacheMounts, buildkit.OCIExport, buildkit.SourceDateEpoch); err != nil {
			t.Error(err)
		}
		closeBuilder(t, b)
	}
}
