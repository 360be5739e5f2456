//! A dialect as data: under which keys it keeps what we want to know. `draft` reads a record by such a table; what a
//! table cannot say is code in the dialect's file.

/// A list of candidate keys; the first one present wins.
pub(crate) type Candidates = &'static [&'static str];

/// Where a dialect keeps things.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Keys {
    pub(crate) provider: Candidates,
    pub(crate) request_model: Candidates,
    pub(crate) response_model: Candidates,
    pub(crate) service_tier: Candidates,
    pub(crate) streaming: Candidates,
    pub(crate) input: Candidates,
    pub(crate) output: Candidates,
    pub(crate) total: Candidates,
    pub(crate) cache_read: Candidates,
    pub(crate) cache_write: Candidates,
    pub(crate) cache_write_5m: Candidates,
    pub(crate) cache_write_1h: Candidates,
    pub(crate) reasoning: Candidates,
    /// Whether the input leaves out cache reads and writes.
    pub(crate) exclusive: bool,
    /// Cost in dollars.
    pub(crate) cost: Candidates,
    /// Time to the first token.
    pub(crate) ttft: Candidates,
    /// Nanoseconds in the unit of `ttft`.
    pub(crate) ttft_unit: f64,
    /// The event that marks the first token.
    pub(crate) ttft_event: Candidates,
    pub(crate) finish: Candidates,
    pub(crate) agent: Candidates,
    pub(crate) workflow: Candidates,
    pub(crate) session: Candidates,
    pub(crate) user: Candidates,
    pub(crate) prompt_name: Candidates,
    pub(crate) prompt_version: Candidates,
    pub(crate) profile: Candidates,
    pub(crate) task_type: Candidates,
    /// A list of words, or one.
    pub(crate) tags: Candidates,
    /// A map, or the JSON text of one, whose scalars become `key:value` tags.
    pub(crate) metadata: Candidates,
    /// Prefixes of keys whose rest and value become a `key:value` tag.
    pub(crate) metadata_prefix: Candidates,
}

/// Names of the conversation that any record may carry.
pub(crate) const SESSION: Candidates = &["session.id", "gen_ai.conversation.id"];
/// Names of the end user that any record may carry.
pub(crate) const USER: Candidates = &["user.id", "enduser.id", "usr.id"];

impl Keys {
    /// Knows nothing; the start of every table.
    pub(crate) const NONE: Self = Self {
        provider: &[],
        request_model: &[],
        response_model: &[],
        service_tier: &[],
        streaming: &[],
        input: &[],
        output: &[],
        total: &[],
        cache_read: &[],
        cache_write: &[],
        cache_write_5m: &[],
        cache_write_1h: &[],
        reasoning: &[],
        exclusive: false,
        cost: &[],
        ttft: &[],
        ttft_unit: 1e9,
        ttft_event: &[],
        finish: &[],
        agent: &[],
        workflow: &[],
        session: SESSION,
        user: USER,
        prompt_name: &[],
        prompt_version: &[],
        profile: &[],
        task_type: &[],
        tags: &[],
        metadata: &[],
        metadata_prefix: &[],
    };
}
