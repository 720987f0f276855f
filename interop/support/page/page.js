// What the test calls: `phone.register(credentials)`, `answer`, `reject`, `hangUp`, `refresh`, `unregister`.
// What happened is in `phone.events`, in order.
const libraries = { jssip: () => import('./jssip-phone.js'), sipjs: () => import('./sipjs-phone.js') };
const name = new URLSearchParams(location.search).get('library');
const { Phone } = await libraries[name]();
const speaker = new Audio();
speaker.autoplay = true;
const events = [];
window.phone = new Phone({
  tell: (event) => events.push(event),
  play: (track) => {
    speaker.srcObject = new MediaStream([track]);
  },
});
window.phone.events = events;
