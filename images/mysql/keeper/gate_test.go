package main

import (
	"slices"
	"strings"
	"testing"
)

var (
	source  = Status{Node: "a", Epoch: 1, Source: "a", Formed: true, Role: roleSource, Writable: true, Acking: 2, LagSeconds: -1, FreeMiB: 1000}
	replica = Status{Node: "b", Epoch: 1, Source: "a", Formed: true, Role: roleReplica, IO: true, SQL: true, FreeMiB: 1000}
)

func with(status Status, change func(*Status)) Status {
	change(&status)
	return status
}

func set(t *testing.T, made string, own Status, peers ...Status) Set {
	t.Helper()
	return Set{Config: founding(t, own.Node, "join"), Own: own, Peers: peers, Made: strings.Split(made, ",")}
}

func TestWhole(t *testing.T) {
	third := with(replica, func(s *Status) { s.Node = "c" })
	for name, test := range map[string]struct {
		set   Set
		fault string
	}{
		"a source of all":                   {set(t, "a,b,c", source, replica, third), ""},
		"a source that nobody acknowledges": {set(t, "a,b,c", with(source, func(s *Status) { s.Acking = 0 })), "0 replicas acknowledge"},
		"a source whose replicas are to be": {set(t, "a", with(source, func(s *Status) { s.Acking, s.Formed = 0, false })), ""},
		"a replica":                         {set(t, "a,b,c", replica, source, third), ""},
		"a replica that is far behind":      {set(t, "a,b,c", with(replica, func(s *Status) { s.LagSeconds = 60 }), source), "60 s behind"},
		"a replica that does not receive":   {set(t, "a,b,c", with(replica, func(s *Status) { s.IO, s.Error = false, "refused" }), source), "refused"},
		"a replica whose source is to be":   {set(t, "b", with(replica, func(s *Status) { s.IO = false })), ""},
		"a replica without its source":      {set(t, "a,b,c", replica), "does not answer"},
		"one that waits for others to be":   {set(t, "a", with(source, func(s *Status) { s.Role = roleWaiting })), ""},
		"one that waits though all are":     {set(t, "a,b,c", with(source, func(s *Status) { s.Role = roleWaiting })), "is waiting"},
		"one that has diverged":             {set(t, "b", with(replica, func(s *Status) { s.Role, s.Error = roleDiverged, "it has more" })), "b is diverged: it has more"},
		"one whose disk is full":            {set(t, "b", with(replica, func(s *Status) { s.FreeMiB, s.Error = 3, "its disk is full" })), "its disk is full"},
	} {
		err := test.set.whole()
		if (err == nil) != (test.fault == "") || (err != nil && !strings.Contains(err.Error(), test.fault)) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestSpare(t *testing.T) {
	third := with(replica, func(s *Status) { s.Node = "c" })
	behind := with(third, func(s *Status) { s.LagSeconds = 60 })
	for name, test := range map[string]struct {
		set    Set
		leader string
		fault  string
	}{
		"a replica":                              {set(t, "a,b,c", replica, source, third), "", ""},
		"a source hands over":                    {set(t, "a,b,c", source, replica, third), "b", ""},
		"one that is alone in its set":           {set(t, "a", source), "", ""},
		"a replica while another's disk is full": {set(t, "a,b,c", replica, source, with(third, func(s *Status) { s.FreeMiB = 9 })), "", "its disk is full: 9 MiB are left"},
		"a replica while another is away":        {set(t, "a,b,c", replica, source), "", "c does not answer"},
		"a replica while another is far behind":  {set(t, "a,b,c", replica, source, behind), "", "0 of the other replicas"},
		"a source whose other one is far behind": {set(t, "a,b,c", source, replica, behind), "", "1 of the others replicate where 2 are needed"},
		"a replica of a source that waits":       {set(t, "a,b,c", replica, with(source, func(s *Status) { s.Writable = false }), third), "", "takes no writes"},
	} {
		leader, err := test.set.spare()
		if leader != test.leader || (err == nil) != (test.fault == "") || (err != nil && !strings.Contains(err.Error(), test.fault)) {
			t.Errorf("%s: got %q, %v", name, leader, err)
		}
	}
}

func TestMayForce(t *testing.T) {
	config := founding(t, "b", "join")
	state := State{Epoch: 1, Source: "a", Formed: true}
	third := with(replica, func(s *Status) { s.Node, s.Received = "c", "u:1-9" })
	starting := with(third, func(s *Status) { s.Role, s.Received = roleStarting, "" })
	for name, test := range map[string]struct {
		peers  []Status
		accept bool
		fault  string
	}{
		"the source is dead":                       {[]Status{third}, false, ""},
		"the source lives":                         {[]Status{source, third}, false, "promote without --force"},
		"the only other replica is away":           {nil, false, "c does not answer, and may be the only one"},
		"the only other replica is away, accepted": {nil, true, ""},
		"the only other replica's server starts":   {[]Status{starting}, false, "c does not answer, and may be the only one"},
		"the only other replica has no data":       {[]Status{with(starting, func(s *Status) { s.Empty = true })}, false, ""},
	} {
		err := mayForce(config, state, replica, test.peers, test.accept)
		if (err == nil) != (test.fault == "") || (err != nil && !strings.Contains(err.Error(), test.fault)) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestAccessStatements(t *testing.T) {
	before := Access{Users: []User{
		{Name: "goods", Grants: []Grant{{[]string{"SELECT", "INSERT"}, "shop", "*"}}},
		{Name: "gone"},
	}}
	access := Access{Databases: []string{"shop"}, Users: []User{
		{Name: "goods", Password: `it's`, RequireTLS: true, Grants: []Grant{{[]string{"SELECT"}, "shop", "*"}, {[]string{"SELECT"}, "shop_1", "*"}, {[]string{"SELECT"}, "shop_1", "a_b"}}},
	}}
	want := []string{
		"CREATE DATABASE IF NOT EXISTS `shop`",
		`CREATE USER IF NOT EXISTS 'goods'@'%' IDENTIFIED BY 'it\'s' REQUIRE SSL`,
		`ALTER USER 'goods'@'%' IDENTIFIED BY 'it\'s' REQUIRE SSL`,
		"ALTER USER 'goods'@'%' DISCARD OLD PASSWORD",
		"REVOKE IF EXISTS INSERT ON `shop`.* FROM 'goods'@'%'",
		"GRANT SELECT ON `shop`.* TO 'goods'@'%'",
		"GRANT SELECT ON `shop\\_1`.* TO 'goods'@'%'",
		"GRANT SELECT ON `shop_1`.`a_b` TO 'goods'@'%'",
		"DROP USER IF EXISTS 'gone'@'%'",
	}
	got := accessStatements(before, access)
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s", strings.Join(got, "\n"))
	}
}

func TestLoginStatementsOfTwoPasswords(t *testing.T) {
	user := User{Name: "goods", Password: "new", Previous: "old"}
	offered := []string{
		"CREATE USER IF NOT EXISTS 'goods'@'%' IDENTIFIED BY 'old' REQUIRE NONE",
		"ALTER USER 'goods'@'%' IDENTIFIED BY 'old' REQUIRE NONE",
		"ALTER USER 'goods'@'%' IDENTIFIED BY 'new' RETAIN CURRENT PASSWORD REQUIRE NONE",
	}
	for name, test := range map[string]struct {
		noted string
		want  []string
	}{
		"neither is known":       {"", offered},
		"another pair was noted": {User{Password: "newer", Previous: "new"}.both(), offered},
		"both are accepted":      {user.both(), []string{"ALTER USER 'goods'@'%' REQUIRE NONE"}},
	} {
		if got := loginStatements(account(user.Name), user, "NONE", test.noted); !slices.Equal(got, test.want) {
			t.Errorf("%s: got\n%s", name, strings.Join(got, "\n"))
		}
	}
}

func TestPasswordStatementsOfAnAccountThatIsThere(t *testing.T) {
	alter := "ALTER USER IF EXISTS 'replica'@'%'"
	for _, test := range []struct {
		user User
		want []string
	}{
		{User{Password: "new"}, []string{alter + " IDENTIFIED BY 'new'", alter + " DISCARD OLD PASSWORD"}},
		{User{Password: "new", Previous: "old"}, []string{alter + " IDENTIFIED BY 'old'", alter + " IDENTIFIED BY 'new' RETAIN CURRENT PASSWORD"}},
	} {
		if got := passwordStatements(alter, test.user, ""); !slices.Equal(got, test.want) {
			t.Errorf("got\n%s", strings.Join(got, "\n"))
		}
	}
}
