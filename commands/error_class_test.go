package commands

import (
	"fmt"
	"testing"

	"redis-failover/cluster"
	"redis-failover/cluster/state"
)

func TestErrorClasses(t *testing.T) {
	for _, tc := range []struct {
		err  Error
		want Class
	}{
		{errNoSuchMaster, NotFound},
		{errNoSuchMember("x"), NotFound},
		{errDuplicate, Conflict},
		{errInProgress, Conflict},
		{errNoGoodReplica, Conflict},
		{errRemoveSelf, Conflict},
		{errNoMembership, Conflict},
		{errMembers(fmt.Errorf("%w: two of three", cluster.ErrRefused)), Conflict},
		{errRemoveAlive(state.Member{}), Conflict},
		{errBroker(cluster.ErrNoQuorum), Unavailable},
		{errBroker(cluster.ErrNotLogged), Unavailable},
		{errBroker(cluster.ErrUnknown), Uncertain},
		{errMembers(cluster.ErrUnknown), Uncertain},
		{errLookUp(&Command{Name: "master"}, cluster.ErrNoQuorum), Unavailable},
		{errLookUp(&Command{Name: "masters"}, cluster.ErrNoQuorum), Unavailable},
		{errNoAuth, Unauthenticated},
		{errWrongPass, Unauthenticated},
		{"NOPERM no", Forbidden},
		{errInvalidQuorum, Invalid},
		{errSetInvalid("a", "b"), Invalid},
	} {
		if got := tc.err.Class(); got != tc.want {
			t.Errorf("%q is of class %d, want %d", tc.err, got, tc.want)
		}
	}
	if e := errInProgress; e.Code() != "INPROG" || e.Text() != "Failover already in progress" {
		t.Errorf("%q is %q and %q", e, e.Code(), e.Text())
	}
}
