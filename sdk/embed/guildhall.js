/**
 * <guildhall-discussions>: what is discussed in a community, or about one object of a portal, for
 * whoever looks at the page. No frame, no library, no build: README.md says how it is used.
 */
import { Client, Refusal } from "./client.js";
import { STYLE } from "./style.js";

export { Client, Refusal };

const REPLIES = 20;

/** What is said to people; a portal sets its own words by `element.labels = {…}`. */
export const LABELS = {
  loading: "Loading …",
  empty: "Nothing has been said here yet.",
  more: "Show more",
  again: "Try again",
  ask: "Ask",
  title: "Title",
  body: "What would you like to say? Markdown works.",
  send: "Send",
  reply: "Reply",
  held: "It waits for a moderator and is shown to you alone until then.",
  answered: "answered",
  accepted: "Accepted answer",
  closed: "closed",
  gone: "This discussion is no longer here.",
  replies: /** @param {number} count */ (count) => (count === 1 ? "1 reply" : `${count} replies`),
};

/** @typedef {typeof LABELS} Labels */

export class GuildhallDiscussions extends HTMLElement {
  static observedAttributes = ["url", "community", "space", "system", "type", "external-id"];

  /** @type {import("./client.js").Token} */
  #token = async () => {
    throw new Refusal({ message: "Set element.token to a function that gets an access token." });
  };
  /** @type {Labels} */
  #labels = LABELS;
  #ending = new AbortController();
  /** @type {Client | undefined} */
  #client;

  constructor() {
    super();
    this.attachShadow({ mode: "open" }).adoptedStyleSheets = [STYLE];
  }

  /** Gets an access token of who looks at the page; with `fresh`, another than the last. */
  set token(/** @type {import("./client.js").Token} */ token) {
    this.#token = token;
    this.#begin();
  }

  /** Other words; what is left out stays English. */
  set labels(/** @type {Partial<Labels>} */ labels) {
    this.#labels = { ...LABELS, ...labels };
    this.#begin();
  }

  connectedCallback() {
    this.#begin();
  }

  disconnectedCallback() {
    this.#ending.abort();
  }

  attributeChangedCallback() {
    this.#begin();
  }

  #starting = false;

  /** Once for all that is set in one go. */
  #begin() {
    if (this.#starting) return;
    this.#starting = true;
    queueMicrotask(() => {
      this.#starting = false;
      this.#ending.abort();
      if (!this.isConnected || !this.getAttribute("url") || !this.getAttribute("community")) return;
      this.#ending = new AbortController();
      this.#client = new Client(this.#named("url"), (options) => this.#token(options), {
        trusted: this.hasAttribute("trusted"),
      });
      const list = element("ol", { part: "list" });
      const foot = element("div", { part: "foot" });
      const form = this.getAttribute("space") ? [this.#asking(list)] : [];
      /** @type {ShadowRoot} */ (this.shadowRoot).replaceChildren(...form, list, foot);
      void this.#page(list, foot, null);
    });
  }

  /** @param {string} name */
  #named(name) {
    return this.getAttribute(name) ?? "";
  }

  /** The portal's object that the page is about; null: the whole community. */
  get #context() {
    const context = {
      system: this.#named("system"),
      type: this.#named("type"),
      externalId: this.#named("external-id"),
    };
    return Object.values(context).every(Boolean) ? context : null;
  }

  /**
   * @param {string} name
   * @param {Record<string, unknown>} variables
   */
  #ask(name, variables) {
    return /** @type {Client} */ (this.#client).ask(name, variables, this.#ending.signal);
  }

  /**
   * One more page of discussions, after what is there.
   * @param {HTMLElement} list
   * @param {HTMLElement} foot
   * @param {string | null} after
   * @returns {Promise<void>}
   */
  #page(list, foot, after) {
    return this.#into(foot, async () => {
      const { topics } = await this.#ask("discussions", {
        communityId: this.#named("community"),
        context: this.#context,
        first: Number(this.getAttribute("first") ?? 5),
        after,
      });
      list.append(...topics.edges.map((/** @type {any} */ { node }) => this.#discussion(node)));
      if (!list.childElementCount) return [element("p", { part: "empty" }, this.#labels.empty)];
      return this.#more(topics.pageInfo, (cursor) => this.#page(list, foot, cursor));
    });
  }

  /**
   * @param {{hasNextPage: boolean, endCursor: string}} page
   * @param {(cursor: string) => unknown} go
   */
  #more({ hasNextPage, endCursor }, go) {
    if (!hasNextPage) return [];
    const button = element("button", { type: "button", part: "more" }, this.#labels.more);
    button.addEventListener("click", () => go(endCursor));
    return [button];
  }

  /**
   * Does something, and shows in a place that it is under way, what came of it, or why it failed.
   * @param {HTMLElement} place
   * @param {() => Promise<Node[]>} work
   */
  async #into(place, work) {
    const { signal } = this.#ending;
    place.replaceChildren(element("p", { role: "status" }, this.#labels.loading));
    try {
      place.replaceChildren(...(await work()));
    } catch (error) {
      if (signal.aborted) return;
      const again = element("button", { type: "button" }, this.#labels.again);
      again.addEventListener("click", () => void this.#into(place, work));
      place.replaceChildren(this.#refused(error), again);
    }
  }

  /**
   * Why something failed, for people; the portal hears of it, too.
   * @param {unknown} error
   */
  #refused(error) {
    const detail =
      error instanceof Refusal ? error : new Refusal({ message: "It could not be shown." });
    if (detail !== error) console.error(error);
    this.#tell("refused", detail);
    return element("p", { role: "alert", part: "refusal" }, detail.message);
  }

  /**
   * @param {string} what
   * @param {unknown} detail
   */
  #tell(what, detail) {
    this.dispatchEvent(new CustomEvent(`guildhall-${what}`, { detail, bubbles: true, composed: true }));
  }

  /** @param {any} topic */
  #discussion(topic) {
    const labels = this.#labels;
    const about = [
      signature(topic.author),
      labels.replies(topic.replyCount),
      topic.acceptedReply && labels.answered,
      topic.state === "CLOSED" && labels.closed,
    ];
    const thread = element("div", { part: "thread" });
    const details = element(
      "details",
      { part: "discussion" },
      element(
        "summary",
        { part: "summary" },
        element("span", { part: "title", dir: "auto" }, topic.title),
        element("small", { part: "about" }, about.filter(Boolean).join(" · "), " · ", time(topic.activityTime)),
      ),
      ...(topic.state === "PENDING_REVIEW" ? [element("p", { role: "status" }, labels.held)] : []),
      thread,
    );
    details.addEventListener("toggle", () => {
      if (details.open && !thread.hasChildNodes()) void this.#thread(topic.id, thread);
    });
    return element("li", { "data-id": topic.id }, details);
  }

  /**
   * @param {string} id
   * @param {HTMLElement} place
   */
  #thread(id, place) {
    return this.#into(place, async () => {
      const { topic } = await this.#ask("discussion", { id, first: REPLIES, after: null });
      if (!topic) return [element("p", {}, this.#labels.gone)];
      const replies = element("ol", { part: "replies" });
      const foot = element("div", {});
      /** @type {(connection: any) => Node[]} */
      const show = (connection) => {
        replies.append(...connection.edges.map((/** @type {any} */ { node }) => this.#reply(node)));
        return this.#more(connection.pageInfo, (after) =>
          this.#into(foot, async () => {
            const next = await this.#ask("discussion", { id, first: REPLIES, after });
            return next.topic ? show(next.topic.replies) : [];
          }),
        );
      };
      foot.append(...show(topic.replies));
      const form = topic.state === "PUBLISHED" ? [this.#replying(id, replies)] : [];
      return [prose(topic.bodyHtml), replies, foot, ...form];
    });
  }

  /** @param {any} reply */
  #reply(reply) {
    const labels = this.#labels;
    return element(
      "li",
      { part: reply.accepted ? "reply accepted" : "reply" },
      ...(reply.accepted ? [element("strong", { part: "mark" }, labels.accepted)] : []),
      prose(reply.bodyHtml),
      element("small", { part: "about" }, signature(reply.author), " · ", time(reply.createTime)),
      ...(reply.state === "PENDING_REVIEW" ? [element("p", { role: "status" }, labels.held)] : []),
    );
  }

  /** @param {HTMLElement} list where a new discussion is put */
  #asking(list) {
    const title = element("input", { name: "title", required: "", maxlength: "150", dir: "auto" });
    const form = this.#form([[this.#labels.title, title]], this.#labels.send, async (input) => {
      const context = this.#context;
      const { createTopic } = await this.#ask("ask", {
        input: {
          ...input,
          spaceId: this.#named("space"),
          kind: this.getAttribute("kind") ?? "QUESTION",
          contextRefs: context ? [context] : [],
        },
      });
      list.prepend(this.#discussion(createTopic.topic));
      list.parentNode?.querySelector("[part=empty]")?.remove();
      return createTopic.topic;
    });
    return element("details", { part: "asking" }, element("summary", {}, this.#labels.ask), form);
  }

  /**
   * @param {string} topicId
   * @param {HTMLElement} replies where a new reply is put
   */
  #replying(topicId, replies) {
    return this.#form([], this.#labels.reply, async (input) => {
      const { createReply } = await this.#ask("reply", { input: { ...input, topicId } });
      replies.append(this.#reply(createReply.reply));
      return createReply.reply;
    });
  }

  /**
   * A text to send; its requestId is of what is being written, so that it is sent once.
   * @param {[string, HTMLElement][]} fields
   * @param {string} label
   * @param {(input: Record<string, unknown>) => Promise<{id: string, state: string}>} send
   */
  #form(fields, label, send) {
    const body = element("textarea", { name: "body", required: "", rows: "4", dir: "auto" });
    const button = element("button", { type: "submit" }, label);
    const told = element("div", {});
    const all = [...fields, /** @type {[string, HTMLElement]} */ ([this.#labels.body, body])];
    const form = element(
      "form",
      { part: "form" },
      ...all.map(([text, field]) => element("label", {}, text, field)),
      button,
      told,
    );
    let requestId = crypto.randomUUID();
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const { signal } = this.#ending;
      const input = Object.fromEntries(new FormData(form));
      for (const [, field] of all) field.removeAttribute("aria-invalid");
      button.disabled = true;
      told.replaceChildren();
      try {
        const made = await send({ requestId, ...input });
        form.reset();
        requestId = crypto.randomUUID();
        this.#tell("posted", made);
      } catch (error) {
        if (signal.aborted) return;
        told.replaceChildren(this.#refused(error));
        if (error instanceof Refusal) {
          const wrong = form.elements.namedItem(error.field ?? "");
          if (wrong instanceof HTMLElement) {
            wrong.setAttribute("aria-invalid", "true");
            wrong.focus();
          }
          // What was refused for its words is written anew: that is another request.
          if (error.code !== "OUTCOME_UNKNOWN") requestId = crypto.randomUUID();
        }
      } finally {
        button.disabled = false;
      }
    });
    return form;
  }
}

/**
 * Text stays text: only `prose` writes HTML.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, string>} attributes
 * @param {...(Node | string)} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
function element(tag, attributes, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/**
 * bodyHtml was cleaned by the platform, and is safe in any page as it is.
 * @param {string} bodyHtml
 */
function prose(bodyHtml) {
  const made = element("div", { part: "prose" });
  made.innerHTML = bodyHtml;
  return made;
}

/**
 * Who wrote it; what the directory could not say is left out.
 * @param {any} author
 */
function signature(author) {
  const name = author?.member?.displayName ?? author?.persona?.displayName;
  return [name, author?.company?.name].filter(Boolean).join(", ");
}

/** @param {string} moment */
function time(moment) {
  const shown = new Date(moment).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
  return element("time", { datetime: moment }, shown);
}

customElements.define("guildhall-discussions", GuildhallDiscussions);
