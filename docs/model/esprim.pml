/*
 * ESPrim as a protocol: establishment of a session from two rand objects, and the rules against replay.
 *
 * One originator, one receiver, one pairwise key, and a network that belongs to an attacker: whatever is sent is
 * recorded, and what is recorded may be delivered to either side at any time, any number of times, in any order, or
 * never. The attacker cannot make a tag verify; it can name objects, forge an originator object, and answer for the
 * receiver wherever an answer is not protected (the answer to a request for a receiver object, and every error).
 *
 * Cryptography is ideal. A session key stands for the pair of objects that it is derived from: a message opens
 * exactly if the receiver derives the key from the same two objects as the sender. Random values never meet.
 *
 * The rules are those of package e2e/esprim; the numbers are requirements of docs/conformance.md. Each rule can be
 * broken by a macro, and then the checker has to find what goes wrong: see README.md.
 */

#ifndef REQS
#define REQS 3 /* requests of the originator */
#endif
#define RROS 2 /* receiver objects that can be made */
#define OROS 3 /* originator objects that can be made */
#define MSGS 6 /* messages that can be sent */
#define MARKS 2 /* messages that the memory of a session holds (E-93) */
#define RESTARTS 1
#ifdef RETRY
#define TRIES 2
#else
#define TRIES 1
#endif

#define NONE 0   /* of an originator object: not enclosed, or not known */
#define TRUE_ 1  /* the one that the originator made */
#define FORGED 2 /* another one under the same name */

typedef Message {
	bit response;
	byte rro; /* rri of the header */
	byte oro; /* ori of the header */
	byte enclosed; /* oro of the header: NONE or TRUE_ */
	byte rqi;   /* of the primitive inside */
	byte answers; /* of a response: number of the message that it answers */
};

Message net[MSGS]; /* what has been sent; the number of a message is its IV */
byte sent = 0;

/* The receiver. */
byte issued = 0;           /* receiver objects made so far; 0 .. issued-1 are their names */
bit live[RROS];            /* not expired, not dropped */
byte known[OROS];          /* cached originator objects */
byte seen[RROS * OROS];    /* marks of a session, one bit for each message */
bit ended[RROS * OROS];              /* sessions that are used up */
byte restarts = 0;
byte executed[REQS];       /* how often a request has been executed */

/* The originator. */
byte o_rro = 255;          /* receiver object in use, 255 for none */
byte o_oro = 0;            /* originator object in use */
byte made = 0;             /* originator objects made so far */
bit confirmed = 0;         /* the receiver has shown that it knows it */
byte pending = 255;        /* request that waits, 255 for none */
byte pending_msg = 0;      /* message that it went out in */
byte next_req = 0;
byte tries = 0;

/* Of use inside one step only. */
hidden byte i, chosen, marks, m;

#define SESSION(m) (net[m].rro * OROS + net[m].oro)

inline post(r, e_rro, e_oro, e_enclosed, e_rqi, e_answers) {
	net[sent].response = r;
	net[sent].rro = e_rro;
	net[sent].oro = e_oro;
	net[sent].enclosed = e_enclosed;
	net[sent].rqi = e_rqi;
	net[sent].answers = e_answers;
	sent++
}

/* Number of marks of a session. */
inline count(s, n) {
	n = 0;
	i = 0;
	do
	:: i < MSGS -> n = n + ((seen[s] >> i) & 1); i++
	:: else -> break
	od
}

/*
 * The receiver gets message m, perhaps with a forged originator object in its header in the place of what was there
 * (then the tag covers another header and cannot verify).
 */
inline receive(m, forged) {
	if
	:: !live[net[m].rro] -> skip /* 4114 */
	:: else ->
		chosen = (forged -> FORGED : net[m].enclosed);
		if
		:: chosen != NONE && known[net[m].oro] != NONE && known[net[m].oro] != chosen -> chosen = NONE /* E-78: 4113 */
		:: chosen == NONE -> chosen = known[net[m].oro] /* E-62 */
		:: else -> skip
		fi;
#ifdef BROKEN_EARLY
		if
		:: chosen != NONE -> known[net[m].oro] = chosen
		:: else -> skip
		fi;
#endif
		if
		:: chosen == NONE -> skip /* 4113 */
		:: ended[SESSION(m)] -> skip /* 4113 */
		:: else ->
			if
			:: forged || chosen != TRUE_ -> skip /* 4115: another header, or another key */
			:: else -> authentic(m)
			fi
		fi
	fi
}

/* From here on the message is authentic: whoever has the pairwise key sealed it for this session. */
inline authentic(m) {
	count(SESSION(m), marks);
	if
#ifndef BROKEN_MARKS
	:: (seen[SESSION(m)] >> m) & 1 -> skip /* E-92: 5210 */
#endif
#ifdef BROKEN_FORGET
	:: !((seen[SESSION(m)] >> m) & 1) && marks >= MARKS -> /* forget the oldest ones instead of ending the session */
		seen[SESSION(m)] = 1 << m;
		accept(m)
#else
	:: !((seen[SESSION(m)] >> m) & 1) && marks >= MARKS -> ended[SESSION(m)] = 1 /* E-93: 4113 from now on */
#endif
	:: else ->
		seen[SESSION(m)] = seen[SESSION(m)] | (1 << m);
		accept(m)
	fi
}

inline accept(m) {
	known[net[m].oro] = TRUE_; /* E-77: only now */
	if
#ifndef BROKEN_REFLECTION
	:: net[m].response -> skip /* E-79: 5210 */
#endif
	:: else ->
		assert(!net[m].response); /* only requests are executed */
		assert(net[m].rqi < next_req); /* only what the originator has asked for */
		executed[net[m].rqi]++;
		assert(executed[net[m].rqi] <= TRIES); /* and not more often than it was sealed */
#ifdef STRICT
		assert(executed[net[m].rqi] <= 1);
#endif
		if
		:: sent < MSGS -> post(1, net[m].rro, net[m].oro, NONE, net[m].rqi, m) /* E-73 */
		:: else -> skip /* lost */
		fi
	fi
}

/* The originator gets message m. */
inline answer(m) {
	if
	:: pending == 255 -> skip
	:: net[m].rro != o_rro || net[m].oro != o_oro -> skip /* E-86 */
#ifndef BROKEN_DIRECTION
	:: !net[m].response -> skip /* E-87: no response primitive */
#endif
#ifndef BROKEN_RQI
	:: net[m].rqi != pending -> skip /* E-87: the response to another request */
#endif
	:: else ->
		assert(net[m].response && net[m].rqi == pending); /* it is the answer to the question */
		assert(executed[pending] >= 1); /* and the receiver has done what it says */
		confirmed = 1;
		pending = 255
	fi
}

/* The originator sends request q, with a new originator object if there is none for this receiver object. */
inline ask(q) {
	post(0, o_rro, o_oro, (confirmed -> NONE : TRUE_), q, 0); /* E-52 */
	pending = q;
	pending_msg = sent - 1
}

active proctype world() {
	do
	/* The receiver makes an object for whoever asks. */
	:: atomic { issued < RROS -> live[issued] = 1; issued++ }
	/* One expires. */
	:: atomic { issued > 0 -> select(m : 0 .. RROS - 1); if :: m < issued -> live[m] = 0 :: else -> skip fi }
	/* The receiver starts again: everything about sessions is gone. */
	:: atomic {
		restarts < RESTARTS -> restarts++;
		m = 0;
		do :: m < OROS -> known[m] = NONE; m++ :: else -> break od;
		m = 0;
		do :: m < RROS * OROS -> seen[m] = 0; ended[m] = 0; m++ :: else -> break od;
#ifdef BROKEN_RESTART
		/* Receiver objects survive, the marks do not. */
		skip
#else
		m = 0;
		do :: m < RROS -> live[m] = 0; m++ :: else -> break od
#endif
	}
	/* The originator learns a receiver object. The answer is not protected: the attacker chooses among those made. */
	:: atomic {
		issued > 0 && made < OROS && pending == 255 -> select(m : 0 .. RROS - 1);
		if
		:: m < issued -> o_rro = m; o_oro = made; made++; confirmed = 0
		:: else -> skip
		fi
	}
	/* The originator asks. */
	:: atomic { o_rro != 255 && pending == 255 && next_req < REQS && sent < MSGS -> next_req++; tries = 1; ask(next_req - 1) }
	/* It gives up waiting. */
	:: atomic { pending != 255 -> pending = 255 }
#ifdef RETRY
	/* An error, which anybody may have sent: the same request once more, in a new session (E-88). */
	:: atomic {
		pending != 255 && tries < TRIES && made < OROS && sent < MSGS -> select(m : 0 .. RROS - 1);
		if
		:: m < issued -> o_rro = m; o_oro = made; made++; confirmed = 0; tries++; ask(pending)
		:: else -> skip
		fi
	}
#endif
	/* The attacker delivers. */
	:: atomic { sent > 0 -> select(m : 0 .. MSGS - 1); if :: m < sent -> receive(m, 0) :: else -> skip fi }
	:: atomic { sent > 0 -> select(m : 0 .. MSGS - 1); if :: m < sent -> receive(m, 1) :: else -> skip fi }
	:: atomic { sent > 0 -> select(m : 0 .. MSGS - 1); if :: m < sent -> answer(m) :: else -> skip fi }
	/*
	 * What strangers send spoils no session (E-77): as long as the receiver has the object and the session has not
	 * been used up, the first message of the session still opens.
	 */
	:: atomic {
		pending != 255 && !confirmed && net[pending_msg].enclosed == TRUE_ ->
		assert(known[o_oro] != FORGED)
	}
	od
}
