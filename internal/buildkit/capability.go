package buildkit

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/moby/buildkit/client"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/moby/buildkit/solver/pb"
	"github.com/moby/buildkit/util/apicaps"
	"github.com/moby/buildkit/util/entitlements"
	"github.com/moby/buildkit/worker/label"
)

// Need is something a builder may or may not be able to do.
type Need string

// The needs of this program, by the word that appears in errors.
const (
	HostNetwork     Need = "network.host entitlement"
	MergeDiff       Need = "merge and diff ops"
	CacheMounts     Need = "cache mounts"
	OCIExport       Need = "oci exporter"
	ContainerdStore Need = "containerd store"
	SourceDateEpoch Need = "source date epoch"
)

// means says what the lack of a need takes from the user.
var means = map[Need]string{
	HostNetwork:     "package and source fetches cannot reach the network; allow it in buildkitd.toml: insecure-entitlements = [\"network.host\"]",
	MergeDiff:       "layers cannot be put together without copying them; BuildKit 0.10 or newer with the OCI or containerd worker has this",
	CacheMounts:     "the compiler cache would be empty in each build",
	OCIExport:       "the image cannot be written to the local store",
	ContainerdStore: "results cannot be exported: Docker needs the containerd image store (\"features\": {\"containerd-snapshotter\": true} in daemon.json)",
	SourceDateEpoch: "the same inputs would not give the same image digest; BuildKit 0.13 or newer has this",
}

// capNeeds are the needs that BuildKit lists as capabilities of its API.
var capNeeds = map[Need][]apicaps.CapID{
	MergeDiff:       {pb.CapMergeOp, pb.CapDiffOp},
	CacheMounts:     {pb.CapExecMountCache, pb.CapExecMountCacheSharing},
	SourceDateEpoch: {pb.CapSourceDateEpoch},
}

// Can returns what the builder can do, sorted.
func (b *Builder) Can() []Need {
	var able []Need
	for _, n := range slices.Sorted(maps.Keys(b.can)) {
		if b.can[n] == "" {
			able = append(able, n)
		}
	}
	return able
}

// Require returns an error that names each need the builder lacks and what that means for the user.
func (b *Builder) Require(needs ...Need) error {
	var lacks []string
	for _, n := range needs {
		why, known := b.can[n]
		if known && why == "" {
			continue
		}
		line := string(n)
		if why != "" {
			line += " (" + why + ")"
		}
		if means[n] != "" {
			line += ": " + means[n]
		}
		lacks = append(lacks, line)
	}
	if len(lacks) == 0 {
		return nil
	}
	return hint(fmt.Errorf("%s cannot do what this build needs:\n  %s", b.How, strings.Join(lacks, "\n  ")),
		"use another builder: --builder own starts one that has it all")
}

// probe asks a builder who it is and what it can do: each need, with the reason why not, empty when it can.
func probe(ctx context.Context, c *client.Client) (id string, can map[Need]string, err error) {
	workers, err := c.ListWorkers(ctx)
	if err != nil {
		return "", nil, err
	}
	if len(workers) == 0 {
		return "", nil, errors.New("the builder has no worker")
	}
	can, err = abilities(ctx, c, workers[0])
	return workers[0].ID, can, err
}

func abilities(ctx context.Context, c *client.Client, worker *client.WorkerInfo) (map[Need]string, error) {
	can := map[Need]string{OCIExport: "", ContainerdStore: "", HostNetwork: ""}
	if worker.Labels[label.Snapshotter] == "" {
		// Docker's graph drivers: the same test as buildx makes.
		can[OCIExport], can[ContainerdStore] = "no snapshotter", "no snapshotter"
	}
	caps, err := llbCaps(ctx, c, entitlements.EntitlementNetworkHost.String())
	if err != nil && strings.Contains(err.Error(), entitlements.EntitlementNetworkHost.String()) {
		can[HostNetwork] = "not allowed by the daemon"
		caps, err = llbCaps(ctx, c)
	}
	if err != nil {
		return nil, fmt.Errorf("ask for capabilities: %w", err)
	}
	for need, ids := range capNeeds {
		can[need] = unsupported(caps, ids)
	}
	return can, nil
}

func unsupported(caps apicaps.CapSet, ids []apicaps.CapID) string {
	for _, id := range ids {
		if err := caps.Supports(id); err != nil {
			return fmt.Sprintf("no %q", id)
		}
	}
	return ""
}

// llbCaps starts an empty build, which is the only way to see the capabilities,
// and the only way to learn whether an entitlement is granted.
func llbCaps(ctx context.Context, c *client.Client, entitlements ...string) (apicaps.CapSet, error) {
	var caps apicaps.CapSet
	look := func(_ context.Context, g gateway.Client) (*gateway.Result, error) {
		caps = g.BuildOpts().LLBCaps
		return gateway.NewResult(), nil
	}
	_, err := c.Build(ctx, client.SolveOpt{AllowedEntitlements: entitlements, Internal: true}, "", look, nil)
	return caps, err
}
