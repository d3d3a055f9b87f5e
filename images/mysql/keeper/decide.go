package main

// Action is what a node does next.
type Action int

const (
	actNothing Action = iota
	// actFound begins a set.
	actFound
	// actWait stays read-only until more is known.
	actWait
	// actOpen takes writes.
	actOpen
	// actFollow replicates from the source.
	actFollow
	// actClone copies a donor's data.
	actClone
	// actConflict stays read-only: two claim to lead at the same time.
	actConflict
)

// View is all that a decision depends on.
type View struct {
	Config Config
	State  State
	// Empty says that the node has no data.
	Empty bool
	// Open says that it takes writes.
	Open bool
	// MayFound says that it may begin a set.
	MayFound bool
	// Peers are the other members that answer.
	Peers []Status
}

// decide is what a node does, and whom it follows from now on. It does nothing itself, so that every case can be tried.
func decide(view View) (Action, State) {
	state := view.State
	conflict := false
	for _, peer := range view.Peers {
		switch {
		case peer.Epoch > state.Epoch:
			state = State{Epoch: peer.Epoch, Source: peer.Source, Formed: peer.Formed}
			conflict = false
		case peer.Epoch == state.Epoch && peer.Epoch > 0 && peer.Source != state.Source:
			conflict = true
		case peer.Epoch == state.Epoch && peer.Source == state.Source && peer.Formed:
			state.Formed = true
		}
	}
	leads := state.Source == view.Config.Node
	switch {
	case conflict:
		return actConflict, state
	// Also where a crash has left the data without the account of who leads.
	case state.Epoch == 0 && view.MayFound:
		return actFound, state
	case state.Epoch == 0:
		return actWait, state
	case view.Empty && leads:
		// Its data is gone, and it would lead the others into nothing: somebody has to be promoted.
		return actWait, state
	case view.Empty:
		return actClone, state
	case !leads:
		return actFollow, state
	case view.Open, 2*(1+len(view.Peers)) > len(view.Config.Members):
		// Once it is open it stays so while others are silent: its commits wait for them, and who is promoted tells it.
		return actOpen, state
	default:
		// Somebody may have been promoted meanwhile, whom a majority knows.
		return actWait, state
	}
}
