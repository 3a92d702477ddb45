// flows.mjs PDS_URL: what people do in an app, through @atproto/api and an official PDS that proxies app.bsky.* to our server.
// Prints one JSON object of facts; test_pds.py says what they must be.
import { AtpAgent } from '@atproto/api'

const [service] = process.argv.slice(2)
const facts = {}
const suffix = Date.now().toString(36)

async function account(name) {
  const agent = new AtpAgent({ service })
  await agent.createAccount({ handle: `${name}${suffix}.test`, email: `${name}${suffix}@x.test`, password: `${name}-pass` })
  await agent.upsertProfile(() => ({ displayName: name.toUpperCase() }))
  return agent
}
// asks until `enough` likes the answer; gives the last answer and the milliseconds that it took
async function until(ask, enough, milliseconds = 15000) {
  const start = Date.now()
  for (;;) {
    let answer, error
    try { answer = (await ask()).data } catch (e) { error = `${e.status} ${e.error}: ${e.message}` }
    if (answer && enough(answer)) return { answer, milliseconds: Date.now() - start }
    if (Date.now() - start > milliseconds) return { answer, error, milliseconds: -1 }
    await new Promise((done) => setTimeout(done, 20))
  }
}
const texts = (feed) => feed.map((item) => item.post.record.text)

const ada = await account('ada'), bob = await account('bob'), cyd = await account('cyd')
const posts = []
for (const text of ['one', 'two', 'three']) posts.push(await bob.post({ text }))
await ada.follow(bob.did)
await ada.post({ text: 'earlier' })   // the PDS adds own posts only to a feed that has some

// the timeline: followed accounts' posts, newest first
const first = await until(() => ada.getTimeline({ limit: 30 }), (t) => t.feed.filter((i) => i.post.author.did === bob.did).length === 3)
facts.timeline = { texts: texts((first.answer?.feed ?? []).filter((i) => i.post.author.did === bob.did)), error: first.error }

// a new post, from the PDS' answer to the follower's timeline
const fresh = await bob.post({ text: 'four' })
const arrived = await until(() => ada.getTimeline({ limit: 5 }), (t) => t.feed[0]?.post.uri === fresh.uri)
await until(() => ada.getAuthorFeed({ actor: ada.did }), (f) => texts(f.feed).includes('earlier'))
facts.newPostMilliseconds = arrived.milliseconds

// counts and viewer state
const like = await ada.like(fresh.uri, fresh.cid)
await cyd.like(fresh.uri, fresh.cid)
await cyd.repost(fresh.uri, fresh.cid)
await cyd.post({ text: 'a reply', reply: { root: fresh, parent: fresh } })
const counted = await until(() => ada.getPosts({ uris: [fresh.uri] }), (p) => p.posts[0]?.likeCount === 2 && p.posts[0]?.replyCount === 1 && p.posts[0]?.repostCount === 1)
const seen = counted.answer?.posts?.[0]
facts.counted = { likes: seen?.likeCount, reposts: seen?.repostCount, replies: seen?.replyCount, viewerLike: seen?.viewer?.like === like.uri, author: seen?.author?.displayName, following: Boolean(seen?.author?.viewer?.following) }
await ada.deleteLike(like.uri)
const uncounted = await until(() => ada.getPosts({ uris: [fresh.uri] }), (p) => p.posts[0]?.likeCount === 1)
facts.uncounted = { likes: uncounted.answer?.posts?.[0]?.likeCount, viewerLike: uncounted.answer?.posts?.[0]?.viewer?.like ?? null }

// one's own writes at once: the PDS adds what our Atproto-Repo-Rev says that we have not indexed yet
const own = await ada.post({ text: 'my own' })
facts.ownPostAtOnce = texts((await ada.getAuthorFeed({ actor: ada.did })).data.feed).includes('my own')
facts.ownTimelineAtOnce = (await ada.getTimeline({ limit: 10 })).data.feed.some((item) => item.post.uri === own.uri)
await ada.upsertProfile((profile) => ({ ...profile, displayName: 'Ada Renamed' }))
facts.ownProfileAtOnce = (await ada.getProfile({ actor: ada.did })).data.displayName
const others = await until(() => bob.getProfile({ actor: ada.did }), (p) => p.displayName === 'Ada Renamed')
facts.profile = { name: others.answer?.displayName, follows: others.answer?.followsCount, posts: others.answer?.postsCount, followedBy: Boolean(others.answer?.viewer?.followedBy) }

// the thread, and who is told
const thread = await until(() => ada.getPostThread({ uri: fresh.uri }), (t) => t.thread.replies?.length === 1)
facts.thread = { reply: thread.answer?.thread?.replies?.[0]?.post?.record?.text, error: thread.error }
const notices = await until(() => bob.listNotifications(), (n) => ['follow', 'like', 'repost', 'reply'].every((reason) => n.notifications.some((x) => x.reason === reason)))
facts.notices = { reasons: [...new Set((notices.answer?.notifications ?? []).map((n) => n.reason))].sort(), error: notices.error }

// a deleted post, an unfollow
await bob.deletePost(posts[0].uri)
const shorter = await until(() => ada.getAuthorFeed({ actor: bob.did }), (f) => !texts(f.feed).includes('one'))
facts.deletedPostGone = shorter.milliseconds >= 0
const following = (await until(() => ada.getProfile({ actor: bob.did }), (p) => p.viewer?.following)).answer?.viewer?.following
await ada.deleteFollow(following)
const unfollowed = await until(() => ada.getTimeline({ limit: 30 }), (t) => t.feed.every((item) => item.post.author.did !== bob.did))
facts.unfollowedGone = unfollowed.milliseconds >= 0

// mutes are private: they go to us, not into the repository
await ada.mute(cyd.did)
facts.muted = (await ada.getProfile({ actor: cyd.did })).data.viewer?.muted ?? null
await ada.unmute(cyd.did)
facts.unmuted = (await ada.getProfile({ actor: cyd.did })).data.viewer?.muted ?? null

console.log(JSON.stringify(facts))
