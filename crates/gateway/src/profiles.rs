//! The LLM profiles of this machine: configured ones, keys in the environment, local runtimes that answer. Listed from
//! the first moment, probed in the background, chosen by the rule in `llm::profile`.

use crate::config::Config;
use crate::http::Http;
use crate::keys::Keys;
use crate::limits::{PROFILES_MAX, REFRESH_EVERY};
use crate::probe::probe;
use crate::{BuildError, address};
use llm::profile::{Candidate, LOCAL, Origin, Profile, RULE, choose, from_environment, name_lone_local};
use parking_lot::RwLock;
use reqwest::header::{HeaderName, HeaderValue};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::{Mutex, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tundra_record::env::Clock;

/// Who speaks in events about profiles.
const AGENT: &str = "at-daemon";

/// Finds, probes and picks profiles.
#[derive(Debug)]
pub struct Profiles {
    config: Config,
    keys: Arc<Keys>,
    http: Http,
    clock: Arc<dyn Clock>,
    known: RwLock<Listing>,
    /// One look at a time; who comes during one waits and then looks again.
    looking: Mutex<()>,
    looks: watch::Sender<u64>,
}

/// The profiles as they are known now.
#[derive(Clone, Debug, Default)]
pub struct Listing {
    /// All of them, the configured first.
    pub profiles: Vec<Profile>,
    /// The place of the one to use.
    pub chosen: Option<usize>,
    /// Why that one.
    pub reason: &'static str,
}

impl Listing {
    /// The one to use when nobody asks for another.
    pub fn chosen(&self) -> Option<&Profile> {
        self.profiles.get(self.chosen?)
    }

    /// How many would take a task now.
    pub fn total_available(&self) -> usize {
        self.profiles.iter().filter(|profile| profile.health.healthy == Some(true)).count()
    }

    /// The rule that picked, in one sentence.
    pub fn rule(&self) -> &'static str {
        RULE
    }
}

impl Profiles {
    pub(crate) fn new(
        config: Config,
        variables: BTreeMap<String, String>,
        http: Http,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, BuildError> {
        let given = config.profiles.len();
        if given > PROFILES_MAX {
            return Err(BuildError::TooMany { given, limit: PROFILES_MAX });
        }
        for profile in &config.profiles {
            let wrong = |source| BuildError::Address { profile: profile.name.clone(), source };
            address::url(&profile.base_url, "").map_err(wrong)?;
        }
        let keys = Arc::new(Keys::new(variables));
        let known = RwLock::new(listing(&config, expected(&config, &keys)));
        let (looks, _) = watch::channel(0);
        Ok(Self { config, keys, http, clock, known, looking: Mutex::new(()), looks })
    }

    /// What is known now; never waits.
    pub fn list(&self) -> Listing {
        self.known.read().clone()
    }

    /// Returns once every profile has been probed at least once. The caller decides how long to wait.
    pub async fn settled(&self) {
        // Cannot fail: the sender is ours.
        let _ = self.looks.subscribe().wait_for(|looks| *looks > 0).await;
    }

    /// Probes every profile now, all at once.
    pub async fn refresh(&self) {
        let _turn = self.looking.lock().await;
        let mut probes = JoinSet::new();
        let wanted = expected(&self.config, &self.keys).into_iter().chain(self.local());
        for (place, profile) in wanted.enumerate() {
            let (http, keys, clock) = (self.http.clone(), Arc::clone(&self.keys), Arc::clone(&self.clock));
            probes.spawn(async move { (place, probe(&http, &keys, &*clock, profile).await) });
        }
        let mut found: Vec<(usize, Profile)> = probes.join_all().await;
        found.sort_by_key(|(place, _)| *place);
        // A local runtime that does not answer is simply not there.
        let there = found.into_iter().map(|(_, profile)| profile);
        let there = there
            .filter(|profile| profile.origin != Origin::Discovered || profile.health.healthy == Some(true));
        self.learn(listing(&self.config, there.collect()));
    }

    /// Looks now and every minute until `stop`.
    pub(crate) async fn run(&self, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.refresh() => {}
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(REFRESH_EVERY) => {}
            }
        }
    }

    /// The profile called `name`, or the chosen one.
    pub(crate) fn pick(&self, name: Option<&str>) -> Option<Profile> {
        let known = self.known.read();
        match name {
            Some(name) => known.profiles.iter().find(|profile| profile.name == name).cloned(),
            None => known.chosen().cloned(),
        }
    }

    pub(crate) fn header(&self, profile: &Profile) -> Option<(HeaderName, HeaderValue)> {
        self.keys.header(profile)
    }

    fn local(&self) -> Vec<Profile> {
        if !self.config.discover {
            return Vec::new();
        }
        let ports = &self.config.local_ports;
        LOCAL
            .iter()
            .filter_map(|runtime| Some(runtime.profile("127.0.0.1", *ports.get(runtime.name)?)))
            .collect()
    }

    fn learn(&self, now: Listing) {
        let before = std::mem::replace(&mut *self.known.write(), now.clone());
        let first = *self.looks.borrow() == 0;
        tundra::gauge!("llm.profile.total_available", now.total_available() as f64);
        let name = |listing: &Listing| listing.chosen().map(|profile| profile.name.clone());
        if first || name(&before) != name(&now) {
            announce(&now);
        }
        self.looks.send_modify(|looks| *looks += 1);
    }
}

/// Says which profile was picked. That there is none is a result too, and the same event tells it.
fn announce(now: &Listing) {
    let chosen = now.chosen();
    let model = chosen.and_then(Profile::default_model).unwrap_or("unknown");
    let provider = chosen.map_or("none", |profile| profile.provider.as_str());
    let reason = if chosen.is_some() { now.reason } else { crate::tasks::HOW_TO_GET_ONE };
    tracing::info!(
        model,
        provider,
        profile = chosen.map(|profile| profile.name.as_str()),
        agent_name = AGENT,
        task_type = "bootstrap",
        success = chosen.is_some_and(|profile| profile.health.healthy == Some(true)),
        total_available = now.total_available() as u64,
        reason,
        "llm_profile_bootstrap"
    );
    tundra::increment_counter!("llm.profile.bootstrap", model = model, provider = provider);
}

/// The profiles that are known without asking anybody: configured ones first, then keys in the environment.
fn expected(config: &Config, keys: &Keys) -> Vec<Profile> {
    let mut profiles = config.profiles.clone();
    if config.discover {
        let found = from_environment(|name| keys.variable(name));
        let new = |profile: &Profile| config.profiles.iter().all(|known| known.name != profile.name);
        profiles.extend(found.into_iter().filter(new));
    }
    profiles
}

fn listing(config: &Config, mut profiles: Vec<Profile>) -> Listing {
    let candidate = |profile: &Profile| Candidate {
        is_default: config.default_profile.as_ref() == Some(&profile.name),
        origin: profile.origin,
        kind: profile.kind,
        healthy: profile.health.healthy,
        latency_ms: profile.health.latency_ms,
    };
    let candidates: Vec<Candidate> = profiles.iter().map(candidate).collect();
    let choice = choose(&candidates);
    if let Some(choice) = &choice {
        name_lone_local(&mut profiles, choice.index);
    }
    let reason = choice.as_ref().map_or("no profile works", |choice| choice.reason);
    Listing { profiles, chosen: choice.map(|choice| choice.index), reason }
}

#[cfg(test)]
mod tests;
