//! Layers, initialisation and optimisers on the lacuna tape.
