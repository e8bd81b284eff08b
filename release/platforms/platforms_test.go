// Package platforms renders and checks the files in deploy with the tools that
// they are for: Helm's engine and linter, the types of Kubernetes' API, the
// parser of Compose.
package platforms

import (
	"os"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"helm.sh/helm/v3/pkg/action"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"sigs.k8s.io/yaml"
)

const chart = "../../deploy/helm/parley"

// render returns the chart's objects by their kind, as Kubernetes understands
// them.
func render(t *testing.T, values map[string]any) (map[string]any, error) {
	t.Helper()
	c, err := loader.Load(chart)
	if err != nil {
		t.Fatal(err)
	}
	all, err := chartutil.ToRenderValues(c, values, chartutil.ReleaseOptions{Name: "chat", Namespace: "team"}, nil)
	if err != nil {
		return nil, err
	}
	files, err := engine.Render(c, all)
	if err != nil {
		return nil, err
	}
	objects := map[string]any{}
	for name, text := range files {
		var head struct{ Kind string }
		if !strings.HasSuffix(name, ".yaml") || yaml.Unmarshal([]byte(text), &head) != nil || head.Kind == "" {
			continue
		}
		kinds := map[string]any{"Deployment": &appsv1.Deployment{}, "StatefulSet": &appsv1.StatefulSet{},
			"Service": &corev1.Service{}, "Ingress": &networkingv1.Ingress{},
			"PodDisruptionBudget": &policyv1.PodDisruptionBudget{}}
		o := kinds[head.Kind]
		if o == nil {
			t.Fatalf("%s: a %s is not expected", name, head.Kind)
		}
		if err := yaml.UnmarshalStrict([]byte(text), o); err != nil {
			t.Errorf("%s: %v\n%s", name, err, text)
		}
		objects[head.Kind] = o
	}
	return objects, nil
}

func TestChart(t *testing.T) {
	image := map[string]any{"repository": "registry.test/parley", "tag": "v1"}
	lint := action.NewLint()
	lint.Strict = true
	if r := lint.Run([]string{chart}, map[string]any{"image": image}); len(r.Errors) > 0 {
		t.Errorf("helm lint: %v %v", r.Errors, r.Messages)
	}
	one, err := render(t, map[string]any{"image": image, "settings": map[string]any{"public-url": "https://chat.test",
		"retain": 90, "file-size": 1000000.0, "demo": true}})
	if err != nil {
		t.Fatal(err)
	}
	set, ok := one["StatefulSet"].(*appsv1.StatefulSet)
	if !ok || one["Deployment"] != nil || one["PodDisruptionBudget"] != nil || one["Service"] == nil ||
		one["Ingress"] != nil {
		t.Fatalf("one node is %v", one)
	}
	pod := set.Spec.Template.Spec
	env := variables(pod)
	if env["PARLEY_DATA"] != "/data" || env["PARLEY_RETAIN"] != "90" || env["PARLEY_DEMO"] != "true" ||
		env["PARLEY_FILE_SIZE"] != "1000000" || env["PARLEY_PUBLIC_URL"] != "https://chat.test" {
		t.Errorf("the variables are %v", env)
	}
	if len(set.Spec.VolumeClaimTemplates) != 1 {
		t.Error("no volume")
	}
	check(t, pod)

	many, err := render(t, map[string]any{"image": image, "replicas": 3, "store": map[string]any{"existingSecret": "redis"},
		"ingress":   map[string]any{"enabled": true, "className": "nginx", "host": "chat.test"},
		"extraEnv":  []any{map[string]any{"name": "PARLEY_S3_KEY", "value": "k"}},
		"resources": map[string]any{}})
	if err != nil {
		t.Fatal(err)
	}
	deployment, ok := many["Deployment"].(*appsv1.Deployment)
	if !ok || many["StatefulSet"] != nil || many["PodDisruptionBudget"] == nil || many["Ingress"] == nil {
		t.Fatalf("three nodes are %v", many)
	}
	if *deployment.Spec.Replicas != 3 ||
		deployment.Spec.Strategy.RollingUpdate.MaxUnavailable.IntValue() != 0 {
		t.Errorf("%v", deployment.Spec)
	}
	check(t, deployment.Spec.Template.Spec)
	budget := many["PodDisruptionBudget"].(*policyv1.PodDisruptionBudget)
	for key, value := range budget.Spec.Selector.MatchLabels {
		if deployment.Spec.Template.Labels[key] != value ||
			many["Service"].(*corev1.Service).Spec.Selector[key] != value {
			t.Errorf("the label %s is not everywhere", key)
		}
	}
	for says, values := range map[string]map[string]any{
		"image.repository": {}, "needs store.url": {"image": image, "replicas": 2},
		"settingz": {"image": image, "settingz": map[string]any{}}, "replicas": {"image": image, "replicas": 0},
	} {
		if _, err := render(t, values); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v: %v", values, err)
		}
	}
}

func variables(pod corev1.PodSpec) map[string]string {
	all := map[string]string{}
	for _, v := range pod.Containers[0].Env {
		all[v.Name] = v.Value
	}
	return all
}

// check holds both kinds of nodes to what they must have.
func check(t *testing.T, pod corev1.PodSpec) {
	t.Helper()
	c := pod.Containers[0]
	if pod.EnableServiceLinks == nil || *pod.EnableServiceLinks {
		t.Error("service links are on")
	}
	if c.LivenessProbe.HTTPGet.Path != "/healthz" || c.ReadinessProbe.HTTPGet.Path != "/readyz" || c.StartupProbe == nil {
		t.Error("the probes are others")
	}
	if pause := c.Lifecycle.PreStop.Sleep.Seconds; *pod.TerminationGracePeriodSeconds < pause+10 {
		t.Errorf("killed %d s after a pause of %d s", *pod.TerminationGracePeriodSeconds, pause)
	}
	if !*c.SecurityContext.ReadOnlyRootFilesystem || *c.SecurityContext.AllowPrivilegeEscalation ||
		!*pod.SecurityContext.RunAsNonRoot {
		t.Error("it may do too much")
	}
	volumes := map[string]bool{"data": true}
	for _, v := range pod.Volumes {
		volumes[v.Name] = true
	}
	for _, m := range c.VolumeMounts {
		if !volumes[m.Name] {
			t.Errorf("there is no volume %s", m.Name)
		}
	}
}

func TestCompose(t *testing.T) {
	for file, services := range map[string]int{"../../compose.yaml": 1, "../../deploy/compose-cluster.yaml": 5} {
		o, err := cli.NewProjectOptions([]string{file}, cli.WithName("parley"))
		if err != nil {
			t.Fatal(err)
		}
		p, err := o.LoadProject(t.Context())
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		if len(p.Services) != services {
			t.Errorf("%s has %d services", file, len(p.Services))
		}
	}
}

// TestCloudRun: its pod is one of Kubernetes', with two fields of its own.
func TestCloudRun(t *testing.T) {
	var service struct {
		APIVersion, Kind string
		Metadata         map[string]any
		Spec             struct {
			Template struct {
				Metadata map[string]any
				Spec     struct {
					corev1.PodSpec       `json:",inline"`
					ContainerConcurrency int
					TimeoutSeconds       int
				}
			}
		}
	}
	text := read(t, "../../deploy/cloudrun.yaml")
	if err := yaml.UnmarshalStrict(text, &service); err != nil {
		t.Fatal(err)
	}
	pod := service.Spec.Template.Spec
	if service.Kind != "Service" || pod.Containers[0].LivenessProbe.HTTPGet.Path != "/healthz" ||
		pod.TimeoutSeconds != 3600 || variables(pod.PodSpec)["PARLEY_STORE"] == "" {
		t.Errorf("%+v", service)
	}
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
