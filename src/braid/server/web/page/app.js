// The page's entry point: makes its parts and connects them.
import {Api} from './api.js';
import {Chat} from './chat.js';
import {Composer} from './composer.js';
import {byId, KeptValue, toast} from './dom.js';
import {takeFilesOnChat} from './image_sources.js';
import {ImageTray} from './image_tray.js';
import {askForKey} from './key_dialog.js';
import {Library} from './library.js';
import {Models} from './models.js';
import {ServerTab} from './server_tab.js';
import {Settings} from './settings.js';
import {addShortcuts} from './shortcuts.js';
import {Sidebar} from './sidebar.js';
import {Tabs} from './tabs.js';
import {addThemeButton} from './theme_button.js';

const api = new Api(new KeptValue('session', 'braid.key'), async (why) => {
  const key = await askForKey(why);
  if (key !== null) setTimeout(() => models.start());  // read again what needed a key
  return key;
});
const settings = new Settings();
const models = new Models(api, {
  onChange: () => {
    settings.showDefaults(models.samplingDefaults);
    composer.setTakesImages(models.takesImages);
    chat?.modelChanged();
  },
});
const sidebar = new Sidebar({isChatShown: () => tabs.view === 'chat', showChat: () => tabs.go('chat')});
const serverTab = new ServerTab(api);

const library = new Library({
  isRunning: (id) => chat?.isRunning(id) ?? false,
  onOpen: (conversation) => {
    sidebar.closeOverlay();
    tabs.go('chat', conversation.id);
    composer.focus();
  },
  onForeign: (id) => chat?.refresh(id),
  onRemoved: (id) => chat?.forget(id),
});

const imageRefusal = () => (models.takesImages ? '' : `${models.chosen.id ?? 'This model'} takes no images.`);
const makeTray = (options) => new ImageTray({images: library.images, refusal: imageRefusal, ...options});
const composer = new Composer({
  send: (text, images) => chat.send(text, images),
  stop: () => chat.stop(),
  editLast: () => chat.editLast(),
}, makeTray);
takeFilesOnChat({take: (files) => composer.addImages(files), invitation: () => imageRefusal() || 'Drop images here'});

let chat = null;
await library.load();
chat = new Chat({api, settings, model: () => models.chosen, library, composer, makeTray, onSaid: (id) => tabs.note(id),
  onFailed: () => models.start({isQuiet: true})});

const tabs = new Tabs({
  shownId: () => chat.shownId,
  onShow: (view, id) => {
    serverTab.setShown(view === 'server');
    if (view !== 'chat') return;
    chat.show(id === null ? undefined : library.get(id));
    if (!matchMedia('(pointer: coarse)').matches) composer.focus();
  },
});

function startConversation() {
  sidebar.closeOverlay();
  tabs.go('chat', null);
  composer.focus();
}

byId('new-chat').addEventListener('click', startConversation);
addThemeButton();
addShortcuts({
  newConversation: startConversation,
  again: () => chat.again(),
  openSettings: () => settings.open(),
  addImages: () => {
    tabs.go('chat');
    if (imageRefusal()) toast(imageRefusal());
    else composer.chooseImages();
  },
  toggleView: () => tabs.go(tabs.view === 'chat' ? 'server' : 'chat'),
  focusComposer: () => {
    tabs.go('chat');
    composer.focus();
  },
  escape: () => {
    if (!sidebar.closeOverlay()) chat.stop();
  },
});
addEventListener('pagehide', () => library.saveAll());
tabs.start();
models.start();
document.documentElement.dataset.ready = 'true';
