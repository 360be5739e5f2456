//! What `daemon` decides and hands in.

use crate::tasks::TaskKeeper;
use llm::Prices;
use llm::profile::Profile;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use tundra_record::TraceId;
use tundra_record::env::{Clock, Rng};
use tundra_record::redact::Redactor;

/// Which profiles there are and how they are looked for.
#[derive(Clone, Debug)]
pub struct Config {
    /// The profile to use whenever it works; by default the rule of `llm::profile` picks one.
    pub default_profile: Option<String>,
    /// Profiles that the operator wrote down, in his order. Default: none. At most 64.
    pub profiles: Vec<Profile>,
    /// Whether to look for provider keys and local runtimes. Default: yes.
    pub discover: bool,
    /// Local runtimes by profile name and port; by default the usual ones on their usual ports. For tests and for those
    /// who moved a runtime.
    pub local_ports: BTreeMap<&'static str, u16>,
}

impl Default for Config {
    fn default() -> Self {
        let usual = llm::profile::LOCAL.iter().map(|runtime| (runtime.name, runtime.port));
        Self { default_profile: None, profiles: Vec::new(), discover: true, local_ports: usual.collect() }
    }
}

/// What the gateway works with.
pub struct Parts {
    /// The environment: provider keys and base URLs are looked up here. Keys go to their profile's own address only.
    pub variables: BTreeMap<String, String>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness, for task ids and pauses.
    pub rng: Arc<dyn Rng>,
    /// Cleans a task's texts before they are kept.
    pub redactor: Arc<Redactor>,
    /// What calls cost.
    pub prices: Arc<Prices>,
    /// Where tasks are kept.
    pub keeper: Arc<dyn TaskKeeper>,
    /// The trace that the calling code is in, as the installed SDK knows it.
    pub current_trace: fn() -> Option<TraceId>,
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The variables hold keys.
        f.debug_struct("Parts").finish_non_exhaustive()
    }
}
