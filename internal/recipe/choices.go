package recipe

import "strix-build/internal/diag"

// Choices is what a recipe's backend, target and features mean at one build number.
type Choices struct {
	CMake     map[string]Choice // variables of the configure step
	Env       map[string]Choice // environment of the image
	Flags     []Choice          // compiler flags that must be in compile_commands.json; ArchFlag among them
	Libraries []string          // CMake targets compiled before the programs; they need no web page
	Programs  []string          // CMake targets that become programs of the image, in order, no repeats
	Links     map[string]string // further program names: link to program
	Steps     []string          // extra build steps, e.g. server-ui
	Parts     map[string]Choice // parts of the container that a feature needs: name to the repository's URL
	Notes     []string          // for plan
	Idle      []Choice          // features that are true and do nothing at the build: name and line
	Waived    []string          // advisories set aside for this build, sorted; the image is labelled with them
	Shaders   string            // CMake variable that names the compiler of shaders, "" where the backend has none
	ArchFlag  string            // the GPU target's compiler flag, "" where the backend has none
}

// Choice is a value and the line that asked for it.
type Choice struct {
	Value string
	Pos   diag.Pos
}

// TrackName is the recipe's track; "stable" where it names none.
func (r *Recipe) TrackName() string {
	if r.Track.Value == "" {
		return "stable"
	}
	return r.Track.Value
}

// ImageName is what the store and people call the recipe's image: repository:recipe, or repository:recipe-track.
func (r *Recipe) ImageName() string { return r.Image.Repository.Value + ":" + r.Name.Value + r.Suffix }

// ImageTags are the tags of the recipe's image.
func (r *Recipe) ImageTags() []string {
	tags := values(r.Image.Tags)
	for i := range tags {
		tags[i] += r.Suffix
	}
	return tags
}
