//! What goes wrong, and what people do.

use jiff::SignedDuration;
use redundancy::core::{
    duty::{Asked, Phase, Side},
    id::Id,
    pause::Pause,
};

use crate::{
    Simulation,
    process::{Runner, State},
    world::{Event, HOUR, MINUTE, PROVIDERS, SECOND, World},
};

impl World {
    /// Ends all that ails a process.
    pub(crate) fn mend(&mut self, process: usize) {
        let now = self.now;
        let it = &mut self.processes[process];
        (it.broken, it.frozen, it.bad_probe) = (false, false, false);
        (it.unstoppable, it.unstartable) = (false, false);
        it.note_ill(now);
        let id = it.id.clone();
        self.say(format_args!("{id} is mended"));
    }

    fn for_a_while(&mut self) -> i64 {
        *self.rng.pick(&[SECOND, 10 * SECOND, MINUTE, 5 * MINUTE, 20 * MINUTE])
    }

    /// Something goes wrong with a process.
    fn ails(&mut self, process: usize) {
        let (now, kind, long) = (self.now, self.rng.below(6), self.for_a_while());
        let after = self.rng.between(long, 3 * long);
        let it = &mut self.processes[process];
        let (id, run, runs) = (it.id.clone(), it.run, it.runs());
        let what = match kind {
            0 if runs => return self.die(process),
            1 if runs => {
                it.frozen = true;
                "freezes"
            }
            2 if runs => {
                it.bad_probe = true;
                self.noticed(process);
                "fails its probe"
            }
            3 => {
                it.unstoppable = true;
                "can't be stopped"
            }
            4 => {
                it.unstartable = true;
                "can't be started"
            }
            _ => {
                it.broken = true;
                if runs {
                    let soon = self.rng.between(0, 2000);
                    self.after(soon, Event::Dies { process, run });
                }
                "breaks"
            }
        };
        self.processes[process].note_ill(now);
        self.say(format_args!("{id} {what} for {} s", after / SECOND));
        self.after(after, Event::Mended { process });
    }

    /// A person starts, stops or removes something of PM2.
    fn by_hand(&mut self, process: usize) {
        if self.processes[process].runner != Runner::Pm2 || self.is_blind(1) {
            return;
        }
        let it = &self.processes[process];
        match (self.rng.below(5), it.runs(), &it.state) {
            (0 | 1, true, _) => self.stop(process, &State::ByHand, "a person"),
            (2, _, _) if !it.ours => self.stop(process, &State::Absent, "a person, for good"),
            (_, false, State::Absent) => {}
            (_, false, _) => self.start_by_hand(process),
            _ => {}
        }
    }

    pub(crate) fn start_by_hand(&mut self, process: usize) {
        self.start(process, "a person");
        self.processes[process].by_person = true;
    }
}

impl Simulation {
    /// Something happens that nobody asked for, or that somebody did.
    pub(crate) fn fault(&mut self) {
        let process = self.world.rng.below(self.world.processes.len());
        match self.world.rng.below(20) {
            0..=7 => self.world.ails(process),
            8..=9 => self.world.by_hand(process),
            10..=11 => {
                let provider = self.world.rng.below(2);
                let long = self.world.for_a_while();
                self.world.blind_until[provider] = self.world.now + long;
                let name = PROVIDERS[provider];
                self.world.say(format_args!("{name} gives no answer for {} s", long / SECOND));
                self.world.after(long + 50, Event::Sees { provider });
            }
            12..=13 => self.kill(),
            14 => self.jump(),
            15 => self.pause(),
            16..=17 => self.request(),
            _ => {
                let nth = self.world.rng.below(self.config.asked.len());
                self.world.after(0, Event::ConfigEdit { nth });
            }
        }
    }

    /// The controller is killed, with whatever it has in hand.
    pub(crate) fn kill(&mut self) {
        if !self.controller.up {
            return;
        }
        self.controller.up = false;
        let hands = std::mem::take(&mut self.controller.hands);
        self.world.say("the controller is killed");
        for hand in hands.into_values().filter(|it| it.begun) {
            let step = &hand.lane[hand.step];
            let process = self.world.index(&step.id);
            if self.world.processes[process].runner == Runner::Pm2 {
                self.late(process, &step.change);
            } else if self.world.rng.percent(50) {
                let _ = self.world.make(process, &step.change);
            }
        }
        if self.world.rng.percent(3) && self.world.late.iter().all(Option::is_none) {
            self.world.say("its journal is lost");
            self.controller.journal.clear();
            self.checks.forget_failovers();
        }
        let (short, long) = (self.world.rng.between(50, 2000), self.world.for_a_while());
        let after = if self.world.rng.percent(60) { short } else { long };
        self.world.after(after, Event::Begins);
    }

    /// A command that was given to PM2 may be lost, or take effect later.
    pub(crate) fn late(&mut self, process: usize, change: &redundancy::core::change::Change) {
        if self.world.rng.percent(70) {
            let after = self.world.rng.between(0, crate::controller::DRAIN - 100);
            self.world.late.push(Some(change.clone()));
            let nth = self.world.late.len() - 1;
            let begins = (self.world.blind_until[1] - self.world.now).max(0);
            self.world.after(begins + after, Event::Late { process, nth });
        }
    }

    fn jump(&mut self) {
        // A command that may yet come late is waited for by the clock on the wall: a jump within
        // these seconds is left out.
        if !self.controller.up || self.world.late.iter().any(Option::is_some) {
            return;
        }
        let by = *self.world.rng.pick(&[-24 * HOUR, -HOUR, HOUR, 24 * HOUR]);
        self.world.jumped += by;
        self.world.jumped_at = Some(self.world.now);
        self.world.say(format_args!("the clock jumps by {} h", by / HOUR));
        self.checks.forget_failovers();
    }

    fn pause(&mut self) {
        let process = self.world.rng.below(self.world.processes.len() + 1);
        let id = self.world.processes.get(process).map(|it| it.id.clone());
        let since = self.world.wall();
        let long = self.world.for_a_while();
        let until = since + SignedDuration::from_millis(long);
        self.controller.paused_until.retain(|it| it.0 != id);
        self.controller.paused_until.push((id.clone(), self.world.now + long));
        self.world.say(format_args!("a person pauses {id:?} until {until}"));
        self.controller.pauses.add(Pause { id, since, until, reason: String::new() });
        self.world.after(10, Event::Look(None));
    }

    fn request(&mut self) {
        let nth = self.world.rng.below(self.config.all_pairs.len());
        let pair = self.config.all_pairs[nth].clone();
        let asked = *self.world.rng.pick(&[Asked::FailOver, Asked::HandBack, Asked::AssumeStopped]);
        if asked == Asked::AssumeStopped {
            // What a person says in earnest: nothing of it runs, whatever can be seen.
            let phase = self.controller.reconciler.duties().of(&pair.backup).map(|it| it.phase);
            let runs = |id| self.world.processes[self.world.index(id)].runs();
            if phase != Some(Phase::Blocked) || runs(&pair.primary) || runs(&pair.backup) {
                self.controller.forgive = true;
                return;
            }
        }
        self.world.say(format_args!("a person asks of {}: {asked:?}", pair.backup));
        self.controller.asked.insert(pair.backup, asked);
        self.world.after(10, Event::Look(None));
    }

    /// A person edits the config: another definition, a backup that goes or comes back, another mode.
    pub(crate) fn edit(&mut self, nth: usize) {
        let kind = self.world.rng.below(6);
        let config = self.config.clone();
        let is_own = |id: &Id| config.asked.iter().any(|it| it.id == *id);
        let asked = &mut self.config.asked[nth];
        let id = asked.id.clone();
        let pair = self.config.all_pairs.iter_mut().find(|it| it.has(&id));
        let what = match pair {
            Some(pair) if kind == 0 && pair.backup == id => {
                asked.there = !asked.there;
                if asked.there { "is in the config again" } else { "is not in the config any more" }
            }
            Some(pair) if kind == 1 && is_own(&pair.primary) => {
                pair.rules.exclusive = !pair.rules.exclusive;
                if pair.rules.exclusive { "is exclusive now" } else { "is parallel now" }
            }
            _ => {
                asked.version += 1;
                "is defined otherwise"
            }
        };
        self.world.say(format_args!("{id} {what}"));
        self.checks.forget_failovers();
        self.config.touch();
        // Whoever edits the config is answerable for what ran before.
        if let Some(pair) = self.config.all_pairs.iter().find(|it| it.has(&id)) {
            for id in [&pair.primary, &pair.backup] {
                let process = self.world.index(id);
                self.world.processes[process].by_person |= kind < 2;
            }
        }
        self.world.after(10, Event::Look(None));
    }

    /// The faults are over: people mend everything, and see to what waits for them.
    pub(crate) fn calm(&mut self) {
        self.world.say("from here on nothing goes wrong");
        self.calm = true;
        self.world.blind_until = [self.world.now; 2];
        self.controller.pauses = redundancy::core::pause::Pauses::default();
        self.controller.forgive = true;
        for pair in &self.config.all_pairs {
            // What waits for a stop that nobody may make goes back to where it was.
            let duty = self.controller.reconciler.duties().of(&pair.backup);
            if let Some(duty) = duty.filter(|it| it.phase == Phase::Blocked) {
                let back = match duty.serving {
                    Side::Primary => Asked::FailOver,
                    Side::Backup => Asked::HandBack,
                };
                self.controller.asked.insert(pair.backup.clone(), back);
            }
        }
        for asked in &mut self.config.asked {
            asked.there = true;
        }
        self.config.touch();
        for process in 0..self.world.processes.len() {
            self.world.mend(process);
            if self.world.processes[process].state == State::ByHand {
                // Started where nothing does its work.
                let id = self.world.processes[process].id.clone();
                let pair = self.config.all_pairs.iter().find(|it| it.has(&id));
                let other = pair.map(|it| if it.primary == id { &it.backup } else { &it.primary });
                let covered = pair.is_some_and(|it| it.rules.exclusive)
                    && other.is_some_and(|it| self.world.processes[self.world.index(it)].runs());
                if !covered {
                    self.world.start_by_hand(process);
                }
            }
        }
        self.world.after(10, Event::Look(None));
    }
}
